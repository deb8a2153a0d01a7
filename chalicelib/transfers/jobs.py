"""What transfers leave for later: exports shard by shard, imports chunk by chunk, followers page by page."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _export(body: Body, _received: int) -> None:
    from chalicelib.segments import service as segments
    from chalicelib.shared import time_left
    from chalicelib.transfers import exports

    exports.work(body, segments.audience_test, time_left.current())


def _import(body: Body, received: int) -> None:
    """Cut a file of friends, or apply a chunk of it; what follows for each is the reaction's."""
    from chalicelib.shared import time_left
    from chalicelib.shared.tables import handed_down
    from chalicelib.transfers import imports

    imports.work(body, received, handed_down("react"), handed_down("due_times_of"), time_left.current())


def _sync_followers(body: Body, received: int) -> None:
    """List a page of followers, or make friends of some of them."""
    from chalicelib.shared import time_left
    from chalicelib.shared.tables import handed_down
    from chalicelib.transfers import followers

    followers.work(body, received, handed_down("due_times_of"), time_left.current())


def _import_members(body: Body, _received: int) -> None:
    from chalicelib.shared import time_left
    from chalicelib.transfers import member_imports

    member_imports.work(body, time_left.current())


JOBS: dict[str, JobKind] = {
    "export": JobKind(_export),
    "import": JobKind(_import),
    "sync_followers": JobKind(_sync_followers, attempts=12),
    "import_members": JobKind(_import_members),
}
