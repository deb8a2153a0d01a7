"""The document of stamp cards."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.shared.fields import Name


class StampCard(BaseModel):
    """A card, and how many stamps fill it."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    size: int = 10


DOCUMENTS: dict[str, DocumentKind] = {
    "stamp-cards": DocumentKind("stamp-cards", StampCard, path_name="card"),
}
