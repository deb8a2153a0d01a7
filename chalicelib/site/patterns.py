"""Which page of a site an address is: patterns of paths. Pure.

``/products/*`` is every address one step below ``/products``, ``/news/**`` whatever is below ``/news``;
``?id=*`` asks for a parameter, ``https://www.shop.example`` before the path for one of several sites. Of the
patterns that fit, the one that says most by itself (has the most letters of its own) is the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import re2

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.origins import BadAddress, origin_of
from chalicelib.shared.reasons import Reason, Reasoned

MOST_STARS = 8
LONGEST = 300
_FORM = re.compile(r"(https?://[^/?#\s]+)?(/[^?#\s]*)(\?[^#\s]*)?")
_STAR = re.compile(r"\*+")
_SAFE = "!$%&'()*+,-./:;=@_~"


class BadPattern(Reasoned, ValueError):
    """The text is no pattern."""


@dataclass(frozen=True)
class Pattern:
    """A pattern, ready to be tried: an origin (empty: any), the path, and parameters."""

    origin: str
    path: Any
    query: Mapping[str, Any]
    weight: int

    def fits(self, origin: str, path: str, query: Mapping[str, str]) -> bool:
        """Whether a page has this pattern."""
        return (
            self.origin in {"", origin}
            and self.path.match(path) is not None
            and all(name in query and test.match(query[name]) for name, test in self.query.items())
        )


def read(text: str) -> Pattern:
    """The pattern of a text. Raises BadPattern."""
    found = _FORM.fullmatch(text)
    if found is None or len(text) > LONGEST:
        raise BadPattern(Reason("page_pattern_form", most=LONGEST))
    if len(_STAR.findall(text)) > MOST_STARS:
        raise BadPattern(Reason("page_pattern_stars", most=MOST_STARS))
    try:
        origin = str(origin_of(found[1])) if found[1] else ""
    except BadAddress as error:
        raise BadPattern(error.reason) from error
    wanted = dict(parse_qsl((found[3] or "")[1:], keep_blank_values=True))
    weight = len(_STAR.sub("", text))
    return Pattern(
        origin, _compiled(_trimmed(found[2])), {n: _compiled(v) for n, v in wanted.items()}, weight
    )


def _compiled(text: str) -> Any:
    """A text with stars as an expression that is tried in linear time."""
    parts = re.split(r"(\*+)", text)
    written = (
        (".*" if len(part) > 1 else "[^/]*") if part.startswith("*") else re.escape(_encoded(part))
        for part in parts
    )
    return re2.compile("".join(written) + r"\z")


def _encoded(text: str) -> str:
    """A path as browsers send it."""
    return quote(text, safe=_SAFE)


def _trimmed(path: str) -> str:
    """A path without the slash at its end: with and without it is one page."""
    return path.rstrip("/") or "/"


def page_of(snapshot: Snapshot, address: str) -> str | None:
    """The id of the page document whose pattern an address has; None: it is none that counts."""
    origin = str(origin_of(address))
    parts = urlsplit(address)
    path = _trimmed(_encoded(parts.path or "/"))
    query = {name: _encoded(value) for name, value in parse_qsl(parts.query, max_num_fields=100)}
    for id_, pattern in snapshot.derived("site.pages", _patterns):
        if pattern.fits(origin, path, query):
            return id_
    return None


def _patterns(snapshot: Snapshot) -> list[tuple[str, Pattern]]:
    """Every pattern with its page, the one that says most first."""
    found = [(id_, read(document.body["pattern"])) for id_, document in snapshot.all("pages").items()]
    return sorted(found, key=lambda one: (-one[1].weight, one[0]))


def path_of(address: str) -> str:
    """The path of an address, without its parameters: they may say who somebody is."""
    return _encoded(urlsplit(address).path or "/")[:LONGEST]
