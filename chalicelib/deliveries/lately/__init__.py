"""What friends were sent lately, what they switched off, and the brake that goes by it."""
