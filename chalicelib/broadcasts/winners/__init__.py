"""Which variant of a test is best, decided once, and what the rest of the audience gets."""
