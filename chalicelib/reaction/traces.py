"""What a trace reports of a condition: the leaf that made it come out as it did. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.events.matching import shown
from chalicelib.shared.reasons import Reason

_MOST_SEEN = 80
"""Characters of a condition, and of what was seen, that a trace keeps."""


def deciding_leaf(tree: Mapping[str, Any]) -> Reason:
    """The leaf of an explanation that made it come out as it did, with the value seen."""
    children = tree.get("children") or ()
    if tree["kind"] == "not" and children:
        return Reason("not", why=deciding_leaf(children[0]))
    for child in children:
        if child["value"] == tree["value"]:
            return deciding_leaf(child)
    kind, seen = str(tree["kind"]), shown(tree["seen"])[:_MOST_SEEN]
    if "condition" not in tree:
        return Reason("kind_true" if tree["value"] else "kind_false", kind=kind, seen=seen)
    condition = shown(tree["condition"])[:_MOST_SEEN]
    return Reason("leaf_true" if tree["value"] else "leaf_false", kind=kind, condition=condition, seen=seen)
