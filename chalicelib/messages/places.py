"""Where a value is in a message, and what that does to it: addresses, and the braces of textV2. Pure."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

from chalicelib.shared.text.template import DOCUMENTS, Expression

URL_KEYS = frozenset(
    {
        "uri",
        "linkUri",
        "desktop",
        "url",
        "originalContentUrl",
        "previewImageUrl",
        "previewUrl",
        "imageUrl",
        "thumbnailImageUrl",
        "iconUrl",
        "baseUrl",
    }
)
"""Properties that hold an address: values filled into one are percent-encoded, unless they begin it."""


class Place(NamedTuple):
    """Where an expression is: in an address (at its beginning or later), or where LINE reads braces."""

    address: bool = False
    first: bool = False
    braces: bool = False


def is_encoded(expression: Expression, place: Place) -> bool:
    """Whether what is filled in here is percent-encoded: within an address, unless it is encoded already."""
    if not place.address or place.first or expression.kind in DOCUMENTS:
        return False
    return not any(used.name == "urlencode" for used in expression.filters)


def put(text: str, expression: Expression, place: Place) -> str:
    """What a filled value becomes in the message."""
    if is_encoded(expression, place):
        return quote(text, safe="")
    return text.replace("{", "{{").replace("}", "}}") if place.braces else text
