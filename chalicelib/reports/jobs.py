"""What reports leave for later: the journal made anew, its rollups, and exact counts over many friends."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _rebuild(body: Body, _received: int) -> None:
    from chalicelib.reports import rebuild
    from chalicelib.shared import time_left

    rebuild.work(body, time_left.current())


def _count(body: Body, _received: int) -> None:
    from chalicelib.reports.by_sheet import counts, cross, customers, form_answers
    from chalicelib.shared import time_left

    reports = customers.REPORTS | {"cross": cross.REPORT, "forms": form_answers.REPORT}
    counts.work(body, reports, time_left.current())


def _fold(body: Body, _received: int) -> None:
    from chalicelib.reports.rollups import folding
    from chalicelib.shared import time_left

    folding.work(body, time_left.current())


JOBS: dict[str, JobKind] = {
    "rebuild_reports": JobKind(_rebuild),
    "count_sheets": JobKind(_count),
    # Once an hour: the lines of the hour before have all come by then.
    "fold_reports": JobKind(_fold, is_asked=lambda minute: minute.now.minute == 33),
}
