"""Stamp cards: a capability that the house does not have. docs/extending.md shows these files."""
