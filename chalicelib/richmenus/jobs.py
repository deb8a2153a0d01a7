"""What rich menus leave for later: publications, walks of all friends, another look at one."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind, Minute


def _publish(body: Body, _received: int) -> None:
    """Make menus at LINE, and have friends moved to them."""
    from chalicelib.richmenus import publishing
    from chalicelib.shared import time_left

    publishing.work(body, time_left.current())


def _move(body: Body, _received: int) -> None:
    """Move a shard's friends."""
    from chalicelib.richmenus import moving
    from chalicelib.shared import time_left

    moving.work(body, time_left.current())


def _settle(body: Body, _received: int) -> None:
    """Nothing of a walk is under way any more."""
    from chalicelib.richmenus import moving

    moving.settle(body)


def _look(body: Body, _received: int) -> None:
    """Link one friend to the menu of their sheet."""
    from chalicelib.richmenus import following

    following.look(body["account"], body["user"])


def _repair(body: Body, _received: int) -> None:
    """Put right whatever LINE shows otherwise."""
    from chalicelib.richmenus import drift

    drift.repair(body)


def _is_night(minute: Minute) -> bool:
    """Once a night, by the account's own clock."""
    return (minute.local.hour, minute.local.minute) == (4, 37)


JOBS: dict[str, JobKind] = {
    "publish_rich_menus": JobKind(_publish, attempts=24),
    "move_rich_menus": JobKind(_move, attempts=24),
    "settle_rich_menus": JobKind(_settle),
    "look_at_rich_menu": JobKind(_look),
    "repair_rich_menus": JobKind(_repair, attempts=12, is_asked=_is_night),
}
