"""Text without the differences that people do not mean: width, case, hiragana or katakana, composition. Pure.

Used where people look for something or answer in their own way: searches, choices, and matches that ask for
it (``fold: true``). What authors compare exactly is compared in NFC (``composed``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from typing import Any

TO_HIRAGANA: dict[int, int | str] = {
    **{ord("ァ") + n: ord("ぁ") + n for n in range(ord("ヶ") - ord("ァ") + 1)},
    ord("ヽ"): ord("ゝ"),
    ord("ヾ"): ord("ゞ"),
    # Hiragana has no letters of their own for these: the letter and the voicing mark that is put to it.
    **{ord(voiced): plain + "\u3099" for voiced, plain in zip("ヷヸヹヺ", "わゐゑを", strict=True)},
}


def fold(text: str) -> str:
    """The text in one width, case and kana."""
    return unicodedata.normalize("NFKC", text).casefold().translate(TO_HIRAGANA).strip()


def composed(text: str) -> str:
    """The text in Unicode's NFC form: ``か`` and a voicing mark become ``が``."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def twins(names: Sequence[Collection[str]]) -> Iterator[tuple[int, int]]:
    """The places of things, each called by some names, that share a folded one with an earlier thing."""
    known: dict[str, int] = {}
    for n, called in enumerate(names):
        folded = {fold(name) for name in called}
        same = [known[name] for name in folded if name in known]
        if same:
            yield n, min(same)
        for name in folded:
            known.setdefault(name, n)


def is_named_like(wanted: str, *names: Any) -> bool:
    """Whether one of the names (what is no text is none) holds what is wanted, both folded."""
    sought = fold(wanted)
    return any(isinstance(name, str) and sought in fold(name) for name in names)
