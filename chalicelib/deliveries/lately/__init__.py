"""What friends were told lately, what they switched off, and the brake that goes by it."""
