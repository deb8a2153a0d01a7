"""Runs as a whole: released, paused (until a moment, or a person) or cancelled."""

from __future__ import annotations

from typing import Any

from chalicelib.deliveries import changes, store
from chalicelib.deliveries.model import Control, Status
from chalicelib.deliveries.policies import Ruling
from chalicelib.gateways import clock
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers


def control(account: str, run: str) -> Control:
    """What workers may do with a run; a run that nobody ever stopped is released."""
    return store.read(account, run, [])[0]


def pause(account: str, run: str, reason: str, until: str | None = None) -> bool:
    """Stop new attempts of a run. An operator's pause replaces any other; the others leave it alone."""
    unless = ["cancelled"] if reason == "operator" else ["cancelled", "paused"]
    return changes.set_control(account, run, Control("paused", reason, until), clock.now(), unless=unless)


def resume(account: str, run: str, *, until: str | None = None) -> bool:
    """Let a run go on; with ``until``, only if it waits for just that moment. It is not fed by this."""
    return changes.set_control(
        account, run, Control("released"), clock.now(), unless=["cancelled"], while_until=until or ""
    )


def cancel(account: str, run: str) -> None:
    """Stop a run for good; what LINE may have accepted already runs to its end."""
    changes.set_control(account, run, Control("cancelled", "operator"), clock.now(), unless=["cancelled"])


def hold(account: str, run: str, status: Status, manifest: dict[str, Any], ruling: Ruling) -> None:
    """Wait until the policies allow it: a watched chunk by itself, the others with their whole run."""
    if status.own_watch:
        body = {"run": run, "chunk": status.chunk}
        watch_id = f"{run}/{status.chunk}"
        timers.arm(timers.Entry(account, "chunk", watch_id, status.watch, ruling.until, body=body))
        return
    # The awakener first: a pause that nobody ends would be worse than an awakener that finds nothing.
    body = {**manifest["cause"], "run": run}
    timers.arm(timers.Entry(account, "run", run, 0, ruling.until, body=body))
    pause(account, run, ruling.reason, iso(ruling.until))
