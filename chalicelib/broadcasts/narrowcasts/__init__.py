"""Narrowcasts: broadcasts whose friends LINE chooses, by its audiences and by what it knows of people."""
