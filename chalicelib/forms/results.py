"""What a form comes to: one of its results, by the answers or by points. Pure.

Where choices give points to results, the result with the most is it; of several with as many, the one that
comes first in the form. Otherwise it is the first result whose condition holds and whose span of points has
the sum. A result whose condition does not hold is never it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.forms.model import Choice, Form, Result


def of(form: Form, answers: Mapping[str, Any], sheet: Sheet, now: datetime) -> dict[str, Any]:
    """``{"result"?, "points"?}``: what the event of an answered form says besides the answers; nothing of a
    form without results. ``sheet``: as it is with the answers.
    """
    if not form.results:
        return {}
    made = list(_made(form, answers))
    sums = _by_result(made)
    total = sum(choice.points for choice in made if isinstance(choice.points, int | float))
    open_ones = [one for one in form.results if one.condition is None or one.condition(sheet, now)]
    points = {one.id: sums.get(one.id, 0) for one in form.results} if sums else total
    found = _most(open_ones, sums) if sums else next((one for one in open_ones if one.spans(total)), None)
    return {"points": points} | ({"result": found.id} if found else {})


def _made(form: Form, answers: Mapping[str, Any]) -> list[Choice]:
    """The choices that were made."""
    values = {question: value if isinstance(value, list) else [value] for question, value in answers.items()}
    return [c for q in form.questions for c in q.choices if c.value in map(str, values.get(q.id, ()))]


def _by_result(made: list[Choice]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for choice in made:
        for result, points in choice.points.items() if isinstance(choice.points, Mapping) else ():
            sums[result] = sums.get(result, 0) + points
    return sums


def _most(open_ones: list[Result], sums: Mapping[str, float]) -> Result | None:
    most = max((sums.get(one.id, 0) for one in open_ones), default=0)
    return next((one for one in open_ones if sums.get(one.id, 0) == most), None)
