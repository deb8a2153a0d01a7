"""Scores: points with decay by half-life, limits, and thresholds that are crossed in both directions.

A stored score is a value at a timestamp (``{"value", "at", "set_at"?}``); what it is worth later is
computed when it is read, never by a batch job: decayed, and within the limits that the score has by now.
Late points are decayed to the moment of the entry and count in full otherwise. Points from before a later
``set`` are part of what was overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import parse_duration, parse_iso, to_ms
from chalicelib.sheets.model import Fact

_DIGITS = 9
VALUE_LIMIT = 1e15


def score_value(entry: Mapping[str, Any], definition: Mapping[str, Any], now: datetime) -> float:
    """The decayed value at ``now``, within the definition's limits; never decayed backwards."""
    return valuer(definition)(entry, now)


def valuer(definition: Mapping[str, Any]) -> Callable[[Mapping[str, Any], datetime], float]:
    """``score_value`` of one definition, made ready for many entries."""
    half_life = _half_life(definition)
    limited = definition.get("min") is not None or definition.get("max") is not None
    if half_life is None:
        if limited:
            return lambda entry, _now: _clamp(definition, float(entry["value"]))
        return lambda entry, _now: float(entry["value"])

    def value(entry: Mapping[str, Any], now: datetime) -> float:
        age = now - parse_iso(entry["at"])
        decayed = float(entry["value"]) * 0.5 ** max(0.0, age / half_life)
        return _clamp(definition, decayed) if limited else _tidy(decayed)

    return value


def logarithm_sql(definition: Mapping[str, Any], log2: str, at_ms: str, now: datetime) -> str | None:
    """The logarithm to base two of ``score_value`` before it is rounded, of a column that holds the stored
    value's; None: it is not decay alone that makes the value.
    """
    half_life = _half_life(definition)
    limited = definition.get("min") is not None or definition.get("max") is not None
    return None if half_life is None or limited else f"({log2} - {_halves_sql(half_life, at_ms, now)})"


def _halves_sql(half_life: timedelta, at_ms: str, now: datetime) -> str:
    age = f"CAST({to_ms(now) * 1000 + now.microsecond % 1000} - {at_ms} * 1000 AS DOUBLE)"
    return f"greatest({age} / CAST({half_life // timedelta(microseconds=1)} AS DOUBLE), 0.0)"


def value_sql(definition: Mapping[str, Any], value: str, at_ms: str, now: datetime) -> tuple[str, bool]:
    """``score_value`` of two columns (the value, its time in Unix milliseconds) in SQL, and whether it is
    yet to be rounded to nine digits.
    """
    half_life, worth = _half_life(definition), value
    if half_life is not None:
        worth = f"({value} * pow(CAST(0.5 AS DOUBLE), {_halves_sql(half_life, at_ms, now)}))"
    for limit, function in (("min", "greatest"), ("max", "least")):
        if definition.get(limit) is not None:
            worth = f"{function}({worth}, CAST('{_tidy(definition[limit])!r}' AS DOUBLE))"
    if definition.get("min") is not None or definition.get("max") is not None:
        worth = f"greatest(least({worth}, CAST({VALUE_LIMIT!r} AS DOUBLE)), CAST({-VALUE_LIMIT!r} AS DOUBLE))"
    return worth, half_life is not None


def add_score(sheet: Sheet, score: str, definition: Mapping[str, Any], points: float, at: str) -> list[Fact]:
    """Add points at ``at``; returns ``score_changed`` and the ``score_crossed`` of every threshold passed."""
    entry = sheet["scores"].get(score)
    if entry is None:
        after = _clamp(definition, points)
        sheet["scores"][score] = {"value": after, "at": at}
        return _facts(score, definition, 0.0, 0.0, 0.0, after)
    if at < entry.get("set_at", ""):
        return []
    stored, evaluated_until = (
        _evaluated(entry, definition),
        max(entry["at"], entry.get("evaluated_until", "")),
    )
    kept = _kept(entry, definition, parse_iso(max(at, entry["at"])))
    if at < entry["at"]:
        before = score_value(entry, definition, parse_iso(entry["at"]))
        points *= _decay(definition, parse_iso(at), parse_iso(entry["at"]))
    else:
        before = score_value(entry, definition, parse_iso(at))
        entry["at"] = at
    entry["value"] = after = _clamp(definition, before + points)
    if at >= evaluated_until:
        entry.pop("evaluated_until", None)
        return _facts(score, definition, stored, kept, before, after)
    return _evaluated_anew(entry, definition, score, stored, kept, after)


def set_score(sheet: Sheet, score: str, definition: Mapping[str, Any], value: float, at: str) -> list[Fact]:
    """Set the value at ``at``; a set older than what is already counted leaves that standing."""
    entry = sheet["scores"].get(score)
    if entry is not None and at < entry["at"]:
        return []
    after = _clamp(definition, value)
    stored = _evaluated(entry, definition) if entry else 0.0
    before = score_value(entry, definition, parse_iso(at)) if entry else 0.0
    kept = _kept(entry, definition, parse_iso(at)) if entry else 0.0
    evaluated_until = (entry or {}).get("evaluated_until", "")
    entry = sheet["scores"][score] = {"value": after, "at": at, "set_at": at}
    if at >= evaluated_until:
        return _facts(score, definition, stored, kept, before, after)
    entry["evaluated_until"] = evaluated_until
    return _evaluated_anew(entry, definition, score, stored, kept, after)


def fold_decay(sheet: Sheet, score: str, definition: Mapping[str, Any], at: str) -> list[Fact]:
    """What decay alone has crossed up to ``at``, each once; ``evaluated_until``: how far that went."""
    entry = sheet["scores"][score]
    if at <= max(entry["at"], entry.get("evaluated_until", "")):
        return []
    facts = _crossings(
        score, definition, _evaluated(entry, definition), score_value(entry, definition, parse_iso(at))
    )
    if facts:
        entry["evaluated_until"] = at
    return facts


def crossed_by_decay_at(
    entry: Mapping[str, Any], definition: Mapping[str, Any], threshold: float
) -> datetime | None:
    """When decay alone takes the score past a threshold (towards nothing); None: it never does, or has.

    A little later than in theory: values are rounded, and must then be seen on the other side.
    """
    half_life, value = _half_life(definition), _evaluated(entry, definition)
    past = abs(threshold) - max(2 * 10**-_DIGITS, abs(threshold) * 1e-9)
    if half_life is None or value * threshold <= 0 or abs(value) < abs(threshold) or past <= 0:
        return None
    try:
        wait = half_life * math.log2(abs(float(entry["value"])) / past)
        at = parse_iso(entry["at"]) + wait + timedelta(milliseconds=1)
    except OverflowError:
        return None
    return (
        at if _crossings("", {"thresholds": [threshold]}, value, score_value(entry, definition, at)) else None
    )


def _evaluated_anew(
    entry: Mapping[str, Any],
    definition: Mapping[str, Any],
    score: str,
    stored: float,
    kept: float,
    after: float,
) -> list[Fact]:
    """A change from before what was evaluated: crossings as of the moment up to which they were."""
    changed = [_changed(score, kept, after)] if after != kept else []
    return [*changed, *_crossings(score, definition, stored, _evaluated(entry, definition))]


def _evaluated(entry: Mapping[str, Any], definition: Mapping[str, Any]) -> float:
    """The value up to which crossings were evaluated: of the last change, or of what decay crossed since."""
    evaluated_until = entry.get("evaluated_until")
    return (
        score_value(entry, definition, parse_iso(evaluated_until))
        if evaluated_until
        else float(entry["value"])
    )


def _kept(entry: Mapping[str, Any], definition: Mapping[str, Any], now: datetime) -> float:
    """What a change is reported to begin at: the stored value, also where limits have come or changed since,
    so that the changes of a score add up to it. With decay they do not; then the value within its limits.
    """
    return score_value(entry, definition, now) if definition.get("half_life") else float(entry["value"])


def _decay(definition: Mapping[str, Any], since: datetime, until: datetime) -> float:
    half_life = _half_life(definition)
    if half_life is None or until <= since:
        return 1.0
    return float(0.5 ** ((until - since) / half_life))


def _half_life(definition: Mapping[str, Any]) -> timedelta | None:
    text = definition.get("half_life")
    return parse_duration(text) if text else None


def _clamp(definition: Mapping[str, Any], value: float) -> float:
    low, high = definition.get("min"), definition.get("max")
    if low is not None:
        value = max(value, low)
    if high is not None:
        value = min(value, high)
    return _tidy(max(-VALUE_LIMIT, min(VALUE_LIMIT, value)))


def _tidy(value: float) -> float:
    """Without the dust that decay leaves behind (the store keeps 38 digits, not 1e-200)."""
    return round(float(value), _DIGITS) + 0.0


def _facts(
    score: str, definition: Mapping[str, Any], stored: float, kept: float, before: float, after: float
) -> list[Fact]:
    """First what decay or new limits crossed unnoticed since the last change, then the change itself."""
    facts = _crossings(score, definition, stored, before)
    if after != kept:
        facts.append(_changed(score, kept, after))
    return facts + _crossings(score, definition, before, after)


def _changed(score: str, before: float, after: float) -> Fact:
    return "score_changed", score, {"score": score, "before": before, "after": after}


def _crossings(score: str, definition: Mapping[str, Any], before: float, after: float) -> list[Fact]:
    thresholds = sorted(definition.get("thresholds") or ())
    if after > before:
        passed, direction = [t for t in thresholds if before < t <= after], "up"
    else:
        passed, direction = [t for t in reversed(thresholds) if after < t <= before], "down"
    return [
        ("score_crossed", score, {"score": score, "threshold": t, "direction": direction}) for t in passed
    ]
