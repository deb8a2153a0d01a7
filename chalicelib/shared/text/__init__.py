"""Text: folded for comparison, near names, templates, and what must not be in a log."""
