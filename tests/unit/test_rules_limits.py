"""How often a rule runs, how many points it gives in a day, and when it is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.reaction.decide import copy, decide
from chalicelib.shared.times import iso
from chalicelib.sheets import limit_states
from chalicelib.sheets.trim import size_of, tidy
from tests.reaction_builders import NOW, a_program, a_rule, after, an_event, types, why
from tests.reasons_checked import words


def run(rules: dict[str, Any], *minutes: float) -> tuple[list[int], Any]:
    """Feed one message per minute given; returns the indexes at which rule ``r`` ran, and the sheet."""
    sheet, ran = None, []
    for n, minute in enumerate(minutes):
        decision = after(an_event(text="x", minutes=minute, id=f"e{n}"), rules, sheet)
        sheet = decision.after
        if any(entry["rule"] == "r" and entry["matched"] for entry in decision.rules):
            ran.append(n)
    return ran, sheet


@pytest.mark.parametrize(
    ("limit", "minutes", "expected"),
    [
        (None, (0, 1, 2), [0, 1, 2]),
        ("once", (0, 1, 2), [0]),
        ({"every": 3}, (0, 1, 2, 3, 4, 5, 6), [2, 5]),
        ({"cooldown": "1h"}, (0, 30, 59, 60, 61, 130), [0, 3, 5]),
        ({"cooldown": "1h"}, (0, -30, -90, 30), [0, 2]),
        ({"cooldown": "1d"}, (0, 49 * 60, 20 * 60, 24 * 60 + 59, 24 * 60 + 60), [0, 1, 3]),
        ({"cooldown": "1d"}, (0, 49 * 60, 24 * 60), [0, 1, 2]),
        ({"per_day": 2}, (0, 1, 2, 60 * 12 - 1, 60 * 12, 60 * 13, 60 * 14), [0, 1, 4, 5]),
    ],
)
def test_limits(limit: Any, minutes: tuple[float, ...], expected: list[int]) -> None:
    """once, every n, cooldown and per day (local), by the events' own times."""
    rules = {"r": a_rule(then=[{"add_tag": "a"}], **({"limit": limit} if limit else {}))}
    assert run(rules, *minutes)[0] == expected


DAY = 24 * 60


def days_ago(*days: int) -> list[float]:
    """Minutes of events so many days ago, a minute apart."""
    return [n - day * DAY for n, day in enumerate(days)]


def points_after(minutes: list[float], then: list[dict[str, Any]]) -> tuple[float, list[dict[str, Any]]]:
    """The interest after a message per minute given, and what was capped."""
    rules, sheet, capped = {"r": a_rule(then=then, also_late=True)}, None, []
    for n, minute in enumerate(minutes):
        decision = after(an_event(text="x", minutes=minute, id=f"e{n}"), rules, sheet)
        sheet = decision.after
        capped += [change for change in decision.changes if change["type"] == "capped"]
    return sheet["scores"]["interest"]["value"], capped


FIVE_A_DAY = {"add_score": {"score": "interest", "points": 5, "max_per_day": 5}}


def test_points_per_day_hold_for_late_days() -> None:
    """Twenty events of an older day, after seven newer ones: that day gives its five points, once."""
    total, capped = points_after(days_ago(6, 5, 4, 3, 2, 1, 0, *[9] * 20), [FIVE_A_DAY])
    assert total == 40
    assert len(capped) == 19


def test_a_day_that_is_forgotten_is_used_up() -> None:
    """Thirty-one days are remembered; nothing is given for one before them, and it is told why."""
    total, capped = points_after(days_ago(*range(31), 31, 12), [FIVE_A_DAY])
    assert total == 31 * 5
    assert capped[0]["added"] == 0
    assert words(capped[0]) == "2026-10-22 is longer ago than is remembered"
    assert "why" not in capped[1]
    rules = {"r": a_rule(then=[{"add_tag": "a"}], limit={"per_day": 1}, also_late=True)}
    ran, sheet = run(rules, *days_ago(*range(31), 31, 12))
    assert ran == list(range(31))
    decision = after(an_event(text="x", minutes=-31 * DAY, id="late"), rules, sheet)
    assert why(decision, "r") == "limit: 1 per day, and 2026-10-22 is longer ago than is remembered"
    assert decision.after["limits"] == sheet["limits"]


def test_points_per_day_are_shared_by_a_rules_actions_on_one_score() -> None:
    """Per rule and score: two actions on one score share the day, another score has a day of its own."""
    heat = {"add_score": {"score": "heat", "points": 5, "max_per_day": 5}}
    total, capped = points_after(days_ago(0, 0), [FIVE_A_DAY, FIVE_A_DAY, heat])
    assert total == 5
    assert [(c["score"], c["added"]) for c in capped] == [("interest", 0)] * 3 + [("heat", 0)]


def test_points_that_are_void_use_nothing_of_the_day() -> None:
    """Points from before a later set are told as overtaken, and leave the day's room to others."""
    rules = {
        "r": a_rule(then=[FIVE_A_DAY]),
        "set": a_rule("custom:set", [{"set_score": {"score": "interest", "value": 1}}]),
    }
    sheet = after(an_event("custom:set"), rules).after
    late = after(an_event(text="x", minutes=-10, id="e2"), rules, sheet)
    assert types(late) == ["status_changed", "overtaken"]
    assert (
        after(an_event(text="x", minutes=10, id="e3"), rules, late.after).after["scores"]["interest"]["value"]
        == 6
    )


HOUR = {"r": a_rule(then=[{"add_tag": "a"}], limit={"cooldown": "1h"})}


@given(st.lists(st.integers(-24, 24).map(lambda n: n * 20.0), max_size=40))
def test_no_two_runs_are_closer_than_the_cooldown(minutes: list[float]) -> None:
    """In whatever order the events arrive, however many; what is remembered stays small."""
    ran, sheet = run(HOUR, *minutes)
    times = sorted(minutes[n] for n in ran)
    assert all(later - earlier >= 60 for earlier, later in pairwise(times))
    if minutes:
        assert len(sheet["limits"]["r"]["runs"]) <= 10


def test_events_in_order_run_whenever_the_cooldown_is_over() -> None:
    """Remembering few runs costs nothing while nothing is late."""
    assert run(HOUR, *(n * 30.0 for n in range(60)))[0] == list(range(0, 60, 2))


@pytest.mark.parametrize(
    ("state", "minutes", "runs"),
    [
        ({"n": 1}, 59, False),
        ({"n": 1}, 60, True),
        ({"n": 1}, -59, False),
        ({"n": 1}, -60, True),
        ({"n": 3}, 60, True),
        ({"n": 3}, -60, False),
    ],
)
def test_a_cooldown_goes_on_from_what_was_kept_before(
    state: dict[str, Any], minutes: float, runs: bool
) -> None:
    """Sheets that hold the last run alone are read; what they do not tell of earlier ones is not guessed."""
    sheet = after(an_event(text="x"), {}).after
    sheet["limits"]["r"] = {**state, "last_at": iso(NOW)}
    decision = after(an_event(text="x", minutes=minutes, id="e2"), HOUR, sheet)
    assert (why(decision, "r") == "matched") is runs
    assert decision.after["limits"]["r"]["n"] == state["n"] + runs


@pytest.mark.parametrize("other", [{"per_day": 9}, {"every": 1}])
def test_a_cooldown_that_was_another_limit_meanwhile(other: dict[str, int]) -> None:
    """Runs under another limit are not forgotten when the rule gets its cooldown back."""
    daily = {"r": a_rule(then=[{"add_tag": "a"}], limit=other)}
    sheet = after(an_event(text="x"), HOUR).after
    for n, minutes in enumerate((200, 300)):
        sheet = after(an_event(text="x", minutes=minutes, id=f"d{n}"), daily, sheet).after
    late = after(an_event(text="x", minutes=190, id="late"), HOUR, sheet)
    assert (
        why(late, "r")
        == f"limit: cooldown, and runs before {sheet['limits']['r']['last_at']} are not remembered"
    )
    soon = after(an_event(text="x", minutes=359, id="soon"), HOUR, sheet)
    assert why(soon, "r") == f"limit: cooldown since {sheet['limits']['r']['last_at']}"
    assert why(after(an_event(text="x", minutes=360, id="next"), HOUR, sheet), "r") == "matched"


def test_a_rule_without_limit_leaves_no_state() -> None:
    """Only limited rules keep something on the sheet."""
    assert run({"r": a_rule(then=[{"add_tag": "a"}])}, 0)[1]["limits"] == {}
    assert run({"r": a_rule(then=[{"add_tag": "a"}], limit="once")}, 0)[1]["limits"]["r"]["n"] == 1


@pytest.mark.parametrize(
    ("valid", "open_"),
    [
        ({"from": "2026-11-22T03:00:00Z"}, True),
        ({"from": "2026-11-22T12:00:01+09:00"}, False),
        ({"until": "2026-11-22T03:00:00Z"}, False),
        ({"until": "2026-11-22T03:00:01Z"}, True),
        ({"weekdays": ["sun"]}, True),
        ({"weekdays": ["mon", "sat"]}, False),
        ({"hours": {"from": "12:00", "to": "13:00"}}, True),
        ({"hours": {"from": "13:00", "to": "12:00"}}, False),
        ({"hours": {"from": "22:00", "to": "12:01"}}, True),
    ],
)
def test_windows_are_the_accounts_local_time(valid: dict[str, Any], open_: bool) -> None:
    """A period by the event's time; weekdays and hours in the account's zone (noon on a Sunday here)."""
    rules = {"r": a_rule(then=[{"add_tag": "a"}], valid=valid)}
    assert bool(after(an_event(text="x"), rules).after["tags"]) is open_


@pytest.mark.parametrize(
    ("at", "weekday"),
    [
        ("2026-11-20T01:00", "not in the night of a thu"),
        ("2026-11-20T02:00", "not at 02:00"),
        ("2026-11-20T22:00", "matched"),
        ("2026-11-20T23:59", "matched"),
        ("2026-11-21T00:00", "matched"),
        ("2026-11-21T01:59", "matched"),
        ("2026-11-21T02:00", "not at 02:00"),
        ("2026-11-21T22:00", "not on a sat"),
        ("2026-11-22T01:00", "not in the night of a sat"),
    ],
)
def test_a_night_belongs_to_the_weekday_on_which_it_begins(at: str, weekday: str) -> None:
    """Friday's night is Friday evening and the small hours of Saturday."""
    valid = {"weekdays": ["fri"], "hours": {"from": "22:00", "to": "02:00"}}
    event = replace(an_event(text="x"), at=iso(datetime.fromisoformat(f"{at}+09:00")))
    rule = a_rule(then=[{"add_tag": "a"}], valid=valid, also_late=True)
    assert why(after(event, {"r": rule}), "r") == weekday


@pytest.mark.parametrize(("day", "open_"), [("22", True), ("23", False)])
def test_a_night_from_sunday_ends_on_monday(day: str, open_: bool) -> None:
    """The week goes round; a window within a day is that day's alone."""
    event = replace(an_event(text="x"), at=iso(datetime.fromisoformat(f"2026-11-{day}T01:00+09:00")))
    night = {"weekdays": ["sat"], "hours": {"from": "22:00", "to": "02:00"}}
    sunday = {"weekdays": ["sun"], "hours": {"from": "00:00", "to": "02:00"}}
    for valid in (night, sunday):
        rules = {"r": a_rule(then=[{"add_tag": "a"}], valid=valid)}
        assert bool(after(event, rules).after["tags"]) is open_
    rules = {"r": a_rule(then=[{"add_tag": "a"}], valid={**night, "weekdays": ["sun"]})}
    assert bool(after(event, rules).after["tags"]) is not open_


DAILY = {"then": [FIVE_A_DAY], "limit": {"per_day": 9}, "also_late": True}


def lived(rules: dict[str, Any], days: int, sheet: Any = None) -> Any:
    """The sheet after a message a day up to NOW."""
    program = a_program(rules)
    for ago in reversed(range(days)):
        event = an_event(text="x", minutes=-ago * DAY, id=f"d{ago}")
        sheet = decide(event, sheet, program, NOW).after
    return sheet


def test_a_rule_takes_little_room_however_long_it_runs() -> None:
    """A limit and points per day take some 300 bytes after a year."""
    state = lived({"r": a_rule(**DAILY)}, 365)["limits"]["r"]
    assert size_of(state) < 300
    assert state["days"] == {"on": "2026-11-22", "used": 1, "past": [1] * 30}


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(1, 4)), max_size=60))
def test_a_memory_of_days_shows_what_was_used(uses: list[tuple[int, int]]) -> None:
    """Like a table by date, in any order: of 31 days up to the newest; those before them are forgotten."""
    memory: dict[str, Any] = {}
    table: dict[int, int] = {}
    for ago, amount in uses:
        day = (NOW - timedelta(days=ago)).date().isoformat()
        forgotten = bool(table) and ago - min(table) >= limit_states.DAYS_REMEMBERED
        assert limit_states.is_forgotten(memory, day) is forgotten
        if not forgotten:
            assert limit_states.used(memory, day) == table.get(ago, 0)
            table[ago] = table.get(ago, 0) + amount
            memory = limit_states.with_used(memory, day, table[ago])


def test_days_kept_by_date_are_read() -> None:
    """Sheets that hold what was used by date go on from it."""
    rules = {"r": a_rule(then=[{"add_tag": "a"}], limit={"per_day": 2})}
    sheet = after(an_event(text="x"), {}).after
    days = {"2026-11-22": 1, "2026-11-20": 2}
    sheet["limits"]["r"] = {"n": 3, "last_at": iso(NOW), "days": days}
    ran = []
    for n, minutes in enumerate((1, 2, -2 * DAY, -DAY)):
        decision = after(an_event(text="x", minutes=minutes, id=f"x{n}"), rules, sheet)
        sheet = decision.after
        ran.append(why(decision, "r") == "matched")
    assert ran == [True, False, False, True]


def test_limits_of_rules_that_are_gone_are_forgotten() -> None:
    """Deleted rules, forms, links and scenarios leave nothing; disabled ones keep what they have used."""
    state = {"n": 1, "last_at": iso(NOW - timedelta(days=9))}
    kept = ["off", "form:check", "form:check:q1", "scenario:welcome:m", "link:sale"]
    gone = ["r", "form:x", "form:x:q1", "scenario:x:m", "link:x", "what:check"]
    sheet = after(an_event(text="x"), {}).after
    sheet["limits"] = {name: dict(state) for name in (*kept, *gone)}
    sheet["limits"]["fresh"] = {"n": 1, "last_at": iso(NOW - timedelta(days=1))}
    sale = {"name": "s", "url": "https://example.com/"}
    rules = {"off": a_rule(enabled=False)}
    left = after(an_event(text="x", id="e2"), rules, sheet, links={"sale": sale}).after["limits"]
    assert sorted(left) == sorted([*kept, "fresh"])


def test_limits_push_out_nothing_else() -> None:
    """Four hundred rules that count each day: answers, attributes and what the friend wrote stay."""
    rules = {f"rule-{n:04d}": a_rule(**DAILY) for n in range(400)}
    sheet = lived(rules, 1)
    sheet["attributes"]["memo"] = "m" * 900
    sheet["forms"]["check"] = {"at": iso(NOW), "answers": {}}
    for state in sheet["limits"].values():
        state["days"]["past"] = state["points"]["interest"]["past"] = [1] * 30
    assert size_of(sheet) > 100_000
    late = after(an_event(text="x", id="late", minutes=1), rules, sheet)
    assert late.after["attributes"]
    assert late.after["forms"]
    assert late.after["facts"]["messaged:text"]["days"] == {"2026-11-22": 2}
    assert len(late.after["limits"]) == 400
    assert size_of(late.after) < 100_000
    assert late.changes[-1]["type"] == "trimmed"
    assert all(name.startswith("limits.") for name in late.changes[-1]["names"])
    # What went were days gone by: they count as used up, and today goes on.
    old = after(an_event(text="x", id="old", minutes=-DAY), rules, late.after)
    assert why(old, "rule-0000") == "limit: 9 per day, and 2026-11-21 is longer ago than is remembered"
    assert why(after(an_event(text="x", id="now", minutes=2), rules, late.after), "rule-0000") == "matched"


def test_limits_go_the_longest_unused_first_and_once_at_the_end() -> None:
    """Above 32 KB those that hold nobody back any more; above 100 KB the others, ``once`` behind them."""

    def days_before(days: int) -> str:
        return iso(NOW - timedelta(days=days))

    daily = {"on": days_before(3)[:10], "used": 1, "past": []}
    sheet = after(an_event(text="x"), {}).after
    sheet["limits"] = {
        "once": {"n": 1, "last_at": days_before(900)},
        "once-points": {"n": 1, "last_at": days_before(800), "points": {"interest": daily}},
        "cooldown": {"n": 1, "last_at": days_before(30), "runs": [days_before(31), days_before(30)]},
        "old-cooldown": {"n": 1, "last_at": days_before(40), "runs": [days_before(40)]},
        "daily": {"n": 1, "last_at": days_before(3), "days": daily},
        "points": {"points": {"interest": daily}},
        "today": {"n": 1, "last_at": iso(NOW), "days": {"on": iso(NOW)[:10], "used": 1}},
    }
    large = copy(sheet) | {"tags": {str(n): "x" * 90 for n in range(400)}}
    trimmed = tidy(large, NOW.date())
    assert trimmed[:4] == ["limits.old-cooldown", "limits.daily", "limits.points", "limits.cooldown.runs"]
    assert sorted(large["limits"]) == ["cooldown", "once", "once-points", "today"]
    assert large["limits"]["cooldown"]["runs"] == [days_before(30)]
    huge = copy(sheet) | {"tags": {str(n): "x" * 90 for n in range(1200)}}
    trimmed = [name for name in tidy(huge, NOW.date()) if name.count(".") == 1 and "limits" in name]
    ordered = ["old-cooldown", "daily", "points", "cooldown", "today", "once", "once-points"]
    assert trimmed == [f"limits.{name}" for name in ordered]
