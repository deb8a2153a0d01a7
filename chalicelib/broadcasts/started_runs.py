"""The runs that started in a time, with their numbers, for reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.broadcasts import store
from chalicelib.broadcasts.model import Broadcast
from chalicelib.broadcasts.narrowcasts import numbers


@dataclass(frozen=True)
class StartedRun:
    """A run of a broadcast. ``over``: its numbers, if it is at its end; they change no more."""

    account: str
    broadcast: str
    run: str
    at: str
    body: Mapping[str, Any]
    over: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The broadcast's name."""
        return str(self.body.get("name") or self.broadcast)

    @property
    def segment(self) -> str | None:
        """The segment that the broadcast is for, if its audience is one."""
        audience = self.body.get("audience")
        found = audience.get("segment") if isinstance(audience, Mapping) and len(audience) == 1 else None
        return found if isinstance(found, str) else None

    def progress(self) -> Mapping[str, Any]:
        """The numbers of the run, which balance."""
        return self.over or numbers.progress(self.account, self.run, self.body)[0]

    def variants(self) -> Mapping[str, Mapping[str, int]]:
        """How many were planned and accepted in each variant; none where there is one message."""
        return numbers.progress(self.account, self.run, self.body)[1] if self.body.get("variants") else {}


def started_between(account: str, since: str, until: str) -> Iterator[StartedRun]:
    """Every run that started from a time until before another; none of deleted broadcasts."""
    for broadcast in store.all_broadcasts(account):
        for found in _of(broadcast, since):
            if since <= found.at < until:
                yield found


def _of(broadcast: Broadcast, since: str) -> Iterator[StartedRun]:
    """The newest run, and those before it back to a time."""
    over: dict[str, Mapping[str, Any]] = {}
    at: dict[str, str] = {}
    before: str | None = None
    while broadcast.run is not None:
        lines, before = store.runs(broadcast.account, broadcast.id, 50, before)
        over |= {line["run"]: line["progress"] for line in lines if line["progress"]}
        at |= {line["run"]: line["at"] for line in lines if line["at"]}
        if before is None or (lines[-1]["at"] or "") < since:
            break
    if broadcast.run is not None and broadcast.at is not None and broadcast.status != "scheduled":
        at.setdefault(broadcast.run, broadcast.at)
    for run, started_at in at.items():
        yield StartedRun(broadcast.account, broadcast.id, run, started_at, broadcast.body, over.get(run))
