"""Which choices a typed text names. Pure.

A text and the names of choices are compared piece by piece: what is between separators. So a name may
hold separators itself (``カット、カラー``), and it does not matter which of them a friend types, unless names
differ in nothing else (``A/B`` and ``A,B``). The longest names are looked for first; what could be read in
another way as well names nothing (``AMBIGUOUS``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from chalicelib.forms import ask
from chalicelib.forms.model import Choice, Question
from chalicelib.messages.text import shorten
from chalicelib.shared.text import folding
from chalicelib.shared.text.folding import composed, fold

AMBIGUOUS: Final = "ambiguous"
_PIECE = re.compile(r"[^、､,，/／|｜\s]+")

Pieces = tuple[str, ...]
Named = list[str] | Literal["ambiguous"]
"""The values of the choices, none when nothing is named; or AMBIGUOUS."""
_Norm = Callable[[str], str]


def one(question: Question, text: str) -> Named:
    """The choice that a whole text names: letter by letter, else as people mean it, else by its number."""
    for norm in (_letters, fold):
        found = {
            choice.value for choice in question.choices for name in _names(choice) if norm(text) == norm(name)
        }
        if found:
            return sorted(found) if len(found) == 1 else AMBIGUOUS
    number = _number(question, fold(text))
    return [number] if number else []


def several(question: Question, text: str) -> Named:
    """The choices that a text names, one or several with separators between; none when a part names none."""
    whole = one(question, text)
    if whole:
        return whole
    ambiguous = False
    for norm in (_letters, fold):
        found = _read(question, text, norm)
        if found and found != AMBIGUOUS:
            return found
        ambiguous = ambiguous or found == AMBIGUOUS
    return AMBIGUOUS if ambiguous else []


def twins(question: Question) -> Iterator[tuple[int, int]]:
    """The places of choices that no folded text distinguishes, each with an earlier one."""
    yield from folding.twins([(choice.label, choice.value) for choice in question.choices])


def _names(choice: Choice) -> tuple[str, ...]:
    """What a choice is called: its label, its value, and what its button shows."""
    return choice.label, choice.value, shorten(choice.label, ask.MAX_LABEL)


def _letters(text: str) -> str:
    """A text letter by letter; spaces around it are no letters."""
    return composed(text).strip()


def _number(question: Question, written: str) -> str | None:
    place = int(written[:6]) if written.isdecimal() else 0
    return question.choices[place - 1].value if 0 < place <= len(question.choices) else None


def _read(question: Question, text: str, norm: _Norm) -> Named:
    """Read from the left and from the right, the longest names first; both must come to the same."""
    spans = [found.span() for found in _PIECE.finditer(text)]
    pieces = _pieces(text, norm)
    names: dict[Pieces, set[str]] = {}
    for choice in question.choices:
        for name in _names(choice):
            names.setdefault(_pieces(name, norm), set()).add(choice.value)
    names.pop((), None)
    for piece in set(pieces):
        number = _number(question, piece)
        if number is not None:
            names.setdefault((piece,), {number})
    forward = _longest_first(pieces, names)
    backward = _longest_first(pieces[::-1], {name[::-1]: values for name, values in names.items()})
    if forward is None or backward is None:
        return []
    last = len(pieces)
    meant = [
        [
            _as_typed(question, text[spans[a][0] : spans[b - 1][1]], names[tuple(pieces[a:b])], norm)
            for a, b in found
        ]
        for found in (forward, [(last - b, last - a) for a, b in backward])
    ]
    is_clear = all(len(values) == 1 for values in meant[0])
    if not is_clear or _all(meant[0]) != _all(meant[1]):
        return AMBIGUOUS
    return sorted(_all(meant[0]))


def _as_typed(question: Question, text: str, values: set[str], norm: _Norm) -> set[str]:
    """Of choices whose names differ in their separators alone those that are called just so, if any are."""
    written = norm(text)
    exact = {
        choice.value
        for choice in question.choices
        if choice.value in values and written in map(norm, _names(choice))
    }
    return exact or values


def _all(found: Iterable[set[str]]) -> set[str]:
    return {value for values in found for value in values}


def _pieces(text: str, norm: _Norm) -> Pieces:
    return tuple(norm(piece) for piece in _PIECE.findall(text))


def _longest_first(pieces: Sequence[str], names: Mapping[Pieces, set[str]]) -> list[tuple[int, int]] | None:
    """From where to where the names are that the pieces are made of, the longest at each place that leaves
    a rest of names.
    """
    lengths = sorted({len(name) for name in names}, reverse=True)
    taken = [0] * len(pieces) + [-1]  # how many pieces the name at each place takes; -1: the end
    for start in reversed(range(len(pieces))):
        for length in lengths:
            end = start + length
            if end <= len(pieces) and taken[end] and tuple(pieces[start:end]) in names:
                taken[start] = length
                break
    if not pieces or not taken[0]:
        return None
    found, at = [], 0
    while at < len(pieces):
        found.append((at, at + taken[at]))
        at += taken[at]
    return found
