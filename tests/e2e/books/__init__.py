"""A trial by hand: a company's own books against what Todoku counts (``python -m tests.e2e.books``)."""
