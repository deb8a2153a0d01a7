"""The topic that has a name without a document."""

from __future__ import annotations

from chalicelib.catalog.references import Elsewhere
from chalicelib.topics.consent import MARKETING

NAMES: dict[str, Elsewhere] = {
    "topics": Elsewhere(("topics",), lambda _account, id_: id_ == MARKETING, lambda _account: [MARKETING])
}
"""``marketing`` needs no document; one of that name says what it is called, and its default."""
