"""Whom the timers wake here: runs whose machine is not known to go on, runs on hold, and runs of which a part
waits for its due time.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _run_done(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.broadcasts import service

    return service.run_done(list(entries))


def _hold_over(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.deliveries import service

    return service.hold_over(entries)


def _variants_sent(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.broadcasts import open_runs

    return open_runs.variants_sent(list(entries))


def _decided(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.broadcasts import open_runs

    return open_runs.decided(list(entries))


def _due_time_came(entries: Sequence[Woken]) -> None:
    from chalicelib.broadcasts import lifecycle

    for entry in entries:
        place = entry["body"]
        lifecycle.due_time_came(entry["account"], place["broadcast"], place["run"])


def _watched(entries: Sequence[Woken]) -> None:
    from chalicelib.broadcasts import lifecycle

    for entry in entries:
        place = entry["body"]
        lifecycle.watched(entry["account"], place["broadcast"], place["run"], int(entry["version"]))


def _hold_ended(entries: Sequence[Woken]) -> None:
    from chalicelib.broadcasts import lifecycle

    for entry in entries:
        place = entry["body"]
        lifecycle.hold_ended(entry["account"], place["broadcast"], place["run"], entry["due_at"])


def _pulled(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.broadcasts.insight import service

    return [service.is_pulled(entry) for entry in entries]


def _pull(entries: Sequence[Woken]) -> None:
    from chalicelib.broadcasts.insight import service

    for entry in entries:
        service.pull(entry["account"], entry["id"], entry["body"])


DUE: dict[str, DueKind] = {
    "run": DueKind("broadcast-tasks", _run_done, _watched, is_watch=True),
    "run_hold": DueKind("broadcast-tasks", _hold_over, _hold_ended),
    "variant": DueKind("broadcast-tasks", _variants_sent, _due_time_came),
    "insight": DueKind("broadcast-tasks", _pulled, _pull),
    "decision": DueKind("broadcast-tasks", _decided, _due_time_came),
}
