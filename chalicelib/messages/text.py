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


def shorten(text: str, length: int, end: str = "…") -> str:
    """The text, or its beginning and ``end``: at most ``length`` characters as people count them."""
    if graphemes(text) <= length:
        return text
    kept = max(length - graphemes(end), 0)
    return "".join(_clusters(text)[:kept]) + end


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
