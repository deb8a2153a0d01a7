"""Which rows of the live-edit table a publication is, for how many friends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.scenarios import edits

DOCS = Path(__file__).resolve().parents[2] / "docs" / "scenarios.md"


def node(kind: str, to: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, **({} if to is None else {"next": to}), **more}


BEFORE: dict[str, Any] = {
    "start": "first",
    "nodes": {
        "first": node("message", "pause", message="m1"),
        "pause": node("wait", "second", after="1d"),
        "second": node("message", "later", message="m2"),
        "later": node("wait", "third", after="1d"),
        "third": node("message", message="m3"),
    },
}
WAITING = {"pause": 3, "later": 2}


def rows(after: dict[str, Any], waiting: dict[str, int] = WAITING, **more: Any) -> list[tuple[Any, str, int]]:
    edit = edits.Edit(BEFORE, after, waiting, **more)
    return [(change.node, change.row, change.waiting) for change in edit.changes()]


def edited(**nodes: Any) -> dict[str, Any]:
    changed = {**BEFORE["nodes"], **{name: value for name, value in nodes.items() if name != "top"}}
    return {**BEFORE, "nodes": {n: body for n, body in changed.items() if body is not None}}


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (BEFORE, []),
        (edited(pause=node("wait", "second", after="1d", name="A day")), []),
        (edited(pause=node("wait", "second", after="2d")), [("pause", "longer", 3)]),
        (edited(second=node("message", "later", message="m9")), [("second", "other_message", 3)]),
        (
            edited(pause=node("wait", "new", after="1d"), new=node("message", "second", message="m4")),
            [("pause", "inserted_after", 3), ("new", "inserted_before", 2)],
        ),
        (
            edited(second=node("message", "new", message="m2"), new=node("wait", "later", after="1h")),
            [("new", "inserted_after", 3), ("new", "inserted_before", 2)],
        ),
        (
            edited(pause=None, second=None, first=node("message", "later", message="m1")),
            [("pause", "removed", 3)],
        ),
        (
            {
                **edited(pause=None, first=node("message", "second", message="m1")),
                "redirects": {"pause": "new"},
            }
            | {"nodes": {**edited(pause=None)["nodes"], "new": node("message", "third", message="m4")}},
            [("pause", "redirected", 3), ("new", "inserted_after", 3)],
        ),
        (
            {**BEFORE, "goals": [{"if": {"tag": "vip"}}], "entry": {"per": "cart", "re_entry": "restart"}},
            [(None, "goal_added", 5), (None, "re_entry_changed", 7), (None, "per_added", 5)],
        ),
        (
            edited(third=node("message", "new", message="m3"), new=node("message", message="m4")),
            [("new", "inserted_after", 5), ("new", "appended", 4)],
        ),
    ],
)
def test_rows(after: dict[str, Any], wanted: list[tuple[Any, str, int]]) -> None:
    """At the node where they wait, or at the one that is new or changed before or behind them."""

    assert rows(after, finished=4, ended=7) == wanted


def test_two_rows_of_one_node() -> None:
    """Another event and a shorter timeout are two things that happen to the same friends."""
    before = {**BEFORE, "nodes": {"w": node("wait_for", event="custom:a", timeout="2d", on_timeout=None)}}
    after = {**BEFORE, "nodes": {"w": node("wait_for", event="custom:b", timeout="1d", on_timeout=None)}}
    found = edits.Edit(before, after, {"w": 1}, rearm=True).changes()
    assert [change.row for change in found] == ["event_changed", "shorter_rearmed"]


def test_every_row_is_in_the_table() -> None:
    """And says what happens, in both languages."""
    table = DOCS.read_text(encoding="utf-8").split("## Live edits")[1]
    assert edits.WHAT.keys() <= set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    for what in edits.WHAT.values():
        assert what.text("en") != what.text("ja") != what.code
