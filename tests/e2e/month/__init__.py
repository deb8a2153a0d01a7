"""A month of a shop through every report; ``__main__`` says how it is started."""
