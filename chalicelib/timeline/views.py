"""Activities as the contract answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.shared.reasons import Reason, as_answered


class Activity(BaseModel):
    """One event on the timeline: what it was, which rules it met, what changed, what was done."""

    model_config = ConfigDict(extra="allow")

    event_id: str
    type: str
    at: str
    props: dict[str, Any]
    source: str
    key: str | None = None
    rules: list[dict[str, Any]] = []
    changes: list[Any] = []
    effects: list[dict[str, Any]] = []


def activity_body(activity: Mapping[str, Any]) -> dict[str, Any]:
    """A stored activity as ``Activity``."""
    inner = {"account", "user_id", "edits", "put_at"}
    body = {name: value for name, value in activity.items() if name not in inner}
    body = {"key": None, "rules": [], "changes": [], "effects": []} | body
    if isinstance(nodes := body.get("props", {}).get("nodes"), list) and body["type"] == "scenario_skipped":
        body["props"] = {**body["props"], "nodes": [as_answered(node) for node in nodes]}
    lines = {name: [line_of(line) for line in body[name]] for name in ("rules", "changes", "effects")}
    return line_of(body | lines)


_HISTORY = {"happened_late": "late"}
"""As what answers name it."""


def line_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of an activity with what it says in words."""
    shown = as_answered(line)
    if "history" in line:
        history = Reason.of(line["history"])
        shown["history"] = {"code": _HISTORY.get(history.code, history.code), **history.shown()}
    if isinstance(line.get("loading"), str | list):
        shown["loading"] = Reason.of(line["loading"]).text()
    return shown
