"""Text: folded for comparison, near names, templates, and what must not stand in a log."""
