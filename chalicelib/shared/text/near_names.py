"""``did you mean "vip"?``: the known name that is nearest to one that is not known."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from difflib import get_close_matches

from chalicelib.shared.reasons import Reason

_LIKENESS = 0.6
_LONGEST = 64
_FEW = 100
_MOST_KNOWN = 500
"""Names that are compared letter by letter; of more, only those that begin the same way."""


def did_you_mean(why: Reason, name: str, known: Iterable[str]) -> Reason:
    """The reason with the known name that is near, if there is one: ``there is … (did you mean "vip"?)``.

    The work is bounded, however long the name is and however many names are known.
    """
    found = nearest(name, known)
    return Reason("near", why=why, near=found) if found is not None else why


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, or None."""
    wanted, names = name[:_LONGEST].casefold(), tuple(known)
    return _remembered(wanted, names) if len(names) <= _FEW else _nearest(wanted, names)


def _nearest(wanted: str, known: tuple[str, ...]) -> str | None:
    by_form: dict[str, str] = {}
    for one in known:
        by_form.setdefault(one[:_LONGEST].casefold(), one)
    if wanted in by_form:
        return by_form[wanted]
    forms = list(by_form)
    if len(forms) > _MOST_KNOWN:
        forms = [form for form in forms if form[:2] == wanted[:2]][:_MOST_KNOWN]
    close = get_close_matches(wanted, forms, n=1, cutoff=_LIKENESS)
    return by_form[close[0]] if close else None


_remembered = functools.lru_cache(maxsize=1_024)(_nearest)
"""The same slip in ten thousand places is looked up once."""
