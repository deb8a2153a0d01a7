"""Dry runs: every line of a file is looked at as an import would, and nothing is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import Write, candidate, snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import objects
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers.bins import Gone
from chalicelib.transfers.csv_file import Place, Record, Written
from chalicelib.transfers.rows import WrongLine, in_words

MOST_PROBLEMS = 100
"""So many a dry run names; it counts all."""
_AT_ONCE = 1_000

Check = Callable[[Sequence[str], Sequence[str], Snapshot, ZoneInfo], Any]
"""Whether a line can be imported, by itself: ``(header, cells, catalog, zone)``. Raises WrongLine."""


@dataclass
class DryRun:
    """What a dry run has found so far: lines, how many of them are wrong, and the first that are."""

    total: int = 0
    problem_count: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    def look(
        self,
        lines: Iterable[Record],
        names: Mapping[str, str],
        check: Callable[[Sequence[str]], Any],
        whose: Callable[[Sequence[str]], str] | None = None,
    ) -> bool:
        """Look at lines; ``names``: of our columns the file's names. False: what follows is no CSV.

        ``whose`` line it is is kept with it, for whoever is erased later.
        """
        try:
            for record in lines:
                self.total += 1
                try:
                    check(record.cells)
                except WrongLine as error:
                    user = {"user_id": whose(record.cells)} if whose else {}
                    self._note(record.line, error.reason, names, user)
        except InvalidInput as error:
            reason = error.reason
            self._note(int(reason.params.get("line", 0)), reason.params.get("why", reason), names, {})
            return False
        return True

    def _note(self, line: int, why: Reason, names: Mapping[str, str], user: Mapping[str, str]) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            found = in_words(why)
            column = found.pop("column", None)
            self.problems.append({"line": line, "column": names.get(column, column), **found, **user})

    def result(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """As it is answered."""
        return {"dry_run": True, **shown, **asdict(self)}


def names_of(names: Sequence[str], header: Sequence[str]) -> dict[str, str]:
    """What the file calls each column of ours; the first one that has it."""
    return dict(reversed(list(zip(header, names, strict=False))))


def go_on(
    job: jobs.JobHeader, written: Written, size: int, body: Mapping[str, Any], left: TimeLeft, check: Check
) -> dict[str, Any] | None:
    """Look on at the lines of an upload; where to go on, None: the job has its result. Raises Gone."""
    account, params = get_account(job.account), job.params
    catalog, header = snapshot(job.account), params["header"]
    made = [write for write in map(_write, params["made"]) if not catalog.find(*write.key)]
    catalog = candidate(catalog, made) if made else catalog
    place = Place(**body["place"]) if "place" in body else written.beginning()
    file = objects.read_from(params["upload"], place.byte) if place.byte < size else io.BytesIO()
    if file is None:
        raise Gone
    dry_run, names = DryRun(**body.get("dry_run", {})), names_of(params["names"], header)

    def look(cells: Sequence[str]) -> None:
        check(header, cells, catalog, account.zone)

    def whose(cells: Sequence[str]) -> str:
        at = header.index("user_id") if "user_id" in header else len(cells)
        return cells[at].strip() if at < len(cells) else ""

    with file:
        lines = written.records(file, place)
        if "place" not in body:
            next(islice(lines, written.heads, written.heads), None)
        is_over = False
        while not is_over:
            part = _Part(islice(lines, _AT_ONCE))
            is_csv = dry_run.look(part, names, look, whose)
            is_over = not is_csv or part.last is None
            if left.is_over and not is_over and part.last is not None:
                return {"place": asdict(part.last), "dry_run": asdict(dry_run)}
    # As errors of lines, forgotten with the friend whose line it is; answers have them in the result.
    jobs.finish_chunk(job, "lines", dry_run.total, dry_run.problems)
    jobs.finish(job.account, job.id, replace(dry_run, problems=[]).result(params["dry_run"]))
    jobs.set_chunks(job, dry_run.total, 1)
    return None


class _Part:
    """Some lines of a file; ``last`` is the place behind them, None: there were none."""

    def __init__(self, lines: Iterable[tuple[Record, Place]]) -> None:
        self._lines = lines
        self.last: Place | None = None

    def __iter__(self) -> Iterator[Record]:
        for record, place in self._lines:
            self.last = place
            yield record


def _write(kept: Mapping[str, Any]) -> Write:
    return Write(kept["kind"], kept["id"], kept["body"])
