"""The version of the running program; pyproject.toml says the same."""

VERSION = "0.1.0"
