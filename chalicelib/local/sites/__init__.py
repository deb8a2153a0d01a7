"""Sites of a company beside a running platform, and how they are started. Only for this machine."""
