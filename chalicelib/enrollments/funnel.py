"""How many friends are where in a scenario, from the sheets' mirrors, one per friend (the last run counts);
of a scenario that runs for each value of something, one per run that the sheets show.

Answered at once: exactly while all shards can be read in time, else an estimate from the shards that were,
with the job that counts exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.accounts.service import Account
from chalicelib.enrollments import store
from chalicelib.enrollments.model import Enrollment
from chalicelib.events.sheet import Sheet
from chalicelib.friends import nodes
from chalicelib.gateways import clock
from chalicelib.segments import by_shard
from chalicelib.shared.ids import digest
from chalicelib.shared.time_left import TimeLeft
from chalicelib.sheets import positions
from chalicelib.timers.service import Entry

KIND = "standing"
NEEDS = frozenset({"scenarios"})
SYNCHRONOUS_S = 6.0
"""A count or a change that takes longer becomes a job."""
_FRESH = timedelta(minutes=10)
"""As long as this the job that somebody's question has started is everybody's."""


@dataclass(frozen=True)
class Standing:
    """``{(state, node): friends}``; ``job``: what counts them exactly, when these are estimated."""

    friends: Mapping[tuple[str, str], int]
    job: str | None = None

    @property
    def waiting(self) -> dict[str, int]:
        """The active ones by node."""
        return self.of("active")

    def of(self, state: str) -> dict[str, int]:
        """Friends by node, of one state."""
        return {node: n for (found, node), n in sorted(self.friends.items()) if found == state}


def find(account: Account, scenario: str, by: str) -> Standing:
    """Where friends are, within the time of a request."""
    found, job = counted(account, KIND, scenario, counter(account, scenario), by)
    return Standing(_positions(found), job)


def counted(
    account: Account, kind: str, scenario: str, each: by_shard.Each, by: str
) -> tuple[Mapping[str, int], str | None]:
    """What all friends come to, within the time of a request: exactly, else estimated, with the job ``kind``
    that counts exactly.
    """

    def one(shard: int, left: TimeLeft) -> Counter[str] | None:
        place, is_over = by_shard.walk(account, by_shard.Place(shard), each, left, NEEDS)
        return Counter(place.counts) if is_over else None

    read = by_shard.sample(account.shards, one, by_shard.within(SYNCHRONOUS_S))
    found: Counter[str] = sum(read, Counter())
    if len(read) == account.shards:
        return found, None
    job = _job_id(kind, scenario)
    exact = by_shard.shared_result(account, kind, {"scenario": scenario}, by, job)
    if exact is not None:
        return exact, None
    return {name: round(n * account.shards / len(read)) for name, n in found.items()}, job


def _job_id(kind: str, scenario: str) -> str:
    return digest(kind, scenario, str(int(clock.now().timestamp() // _FRESH.total_seconds())))[:26]


EVERY_KIND = "scenario_counts"


def of_every_scenario(account: Account, by: str) -> tuple[dict[str, Counter[str]], str | None]:
    """How many friends (or runs that sheets show) are active, finished and exited in each scenario; and the
    job that counts exactly, if they are estimated.
    """
    counts, job = counted(account, EVERY_KIND, "", states, by)
    found: dict[str, Counter[str]] = {}
    for name, n in counts.items():
        scenario, _, state = name.partition("#")
        found.setdefault(scenario, Counter())[state] += int(n)
    return found, job


def states(sheets: Sequence[Sheet]) -> Mapping[str, int]:
    """Counts friends by scenario and state."""
    return Counter(
        f"{scenario}#{position['state']}"
        for sheet in sheets
        for scenario, runs in positions.scenarios(sheet).items()
        for position in runs.values()
    )


def counter(account: Account, scenario: str) -> by_shard.Each:
    """Counts friends by where they are."""

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        nodes.show(account.id, sheets, {scenario})
        found: Counter[str] = Counter()
        for sheet in sheets:
            for position in positions.runs(sheet, scenario).values():
                found[f"{position['state']}#{position.get('node') or ''}"] += 1
        return found

    return each


def _positions(counts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    found = {}
    for name, n in counts.items():
        state, _, node = name.partition("#")
        found[state, node] = int(n)
    return found


# A look at who is in scenarios, for operators; changes nothing.


Place = tuple[str, str, str, str, int, int]
"""Account, scenario, user, value, run, version: whom an entry is for."""


def place_of(entry: Entry) -> Place:
    """Whom a ``step`` entry is for."""
    body = entry.body
    of_value = body.get("value") or ""
    return (entry.account, body["scenario"], body["user_id"], of_value, body["run"], entry.version)


def waiting(account: str, scenarios: Iterable[str], sheets: Sequence[Sheet]) -> Iterator[Enrollment]:
    """Where those of these friends are who are in one of these scenarios until a time."""
    for scenario in scenarios:
        places: list[store.Place] = [
            (account, scenario, sheet["user_id"], value)
            for sheet in sheets
            for value in (None, *positions.runs(sheet, scenario))
        ]
        for found in store.load(places).values():
            if found.state == "active" and found.due_at:
                yield found


def again(one: Enrollment) -> Enrollment | None:
    """Somebody who waited, as they wait now; None: they do not any more."""
    found = store.find(one.account, one.scenario, one.user_id, one.value)
    return found if found is not None and found.state == "active" and found.due_at else None


def place(found: Enrollment) -> Place:
    """Whom the entry of a waiting friend must be for."""
    return (found.account, found.scenario, found.user_id, found.value or "", found.run, found.v)


def unknown(entries: Sequence[Entry]) -> list[bool]:
    """For ``step`` entries: whether nobody ever entered there."""
    return [
        store.find(entry.account, entry.body["scenario"], entry.body["user_id"], entry.body.get("value"))
        is None
        for entry in entries
    ]
