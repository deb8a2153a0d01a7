"""How LINE counts text: UTF-16 code units or grapheme clusters.

https://developers.line.biz/en/docs/messaging-api/text-character-count/
"""

from __future__ import annotations


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def graphemes(text: str) -> int:
    """The length in grapheme clusters: what a person counts as characters."""
    if text.isascii() and "\r" not in text:
        return len(text)
    return len(_clusters(text))


CLUSTER_UNITS = 20
"""What ``shorten`` takes for one character at most: families fit, a letter under a tower of marks does not.

Without it nothing that is counted in units could be kept short.
"""


def shorten(text: str, length: int, end: str = "…") -> str:
    """The text, or its beginning and ``end``: at most ``length`` characters as people count them, of at most
    ``CLUSTER_UNITS`` UTF-16 units each.
    """
    pieces = _pieces(text)
    if len(pieces) <= length:
        return text
    kept = max(length - graphemes(end), 0)
    return "".join(pieces[:kept]) + end


def _pieces(text: str) -> list[str]:
    """The characters of a text as people count them, those of too many units cut up."""
    if text.isascii() and "\r" not in text:
        return list(text)
    pieces: list[str] = []
    for cluster in _clusters(text):
        piece = ""
        for character in cluster:
            if units(piece + character) > CLUSTER_UNITS:
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
    return pieces


def sound(text: str) -> str:
    """The text with every half of a torn surrogate pair replaced, so that it can be sent as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_sound(text: str) -> bool:
    """Whether the text can be sent as UTF-8."""
    return sound(text) == text


def _clusters(text: str) -> list[str]:
    # 27 ms of import and only needed for text beyond ASCII: not at start-up.
    import regex

    clusters: list[str] = regex.findall(r"\X", text)
    return clusters
