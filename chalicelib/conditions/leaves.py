"""The leaves that come with the language: about the friend, what they did, answered and bought."""

from __future__ import annotations

from chalicelib.conditions import answer_leaves, behaviour_leaves, profile_leaves, purchase_leaves
from chalicelib.conditions.model import Leaf

LEAVES: dict[str, Leaf] = {
    **profile_leaves.LEAVES,
    **behaviour_leaves.LEAVES,
    **answer_leaves.LEAVES,
    **purchase_leaves.LEAVES,
}
