"""How the timeline shows that a question of a form was answered: the codes of the reasons. Pure."""

from __future__ import annotations

ANSWERED = frozenset({"answered", "agreed", "answered_file"})
"""What ``reported`` of a type of question makes (``forms/kinds.py``)."""
SKIPPED = "answer_skipped"
