"""Runs as a whole: released, paused (until a time, or a person) or cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.deliveries import changes, store
from chalicelib.deliveries.model import Control, Manifest, Status
from chalicelib.deliveries.policies import Ruling
from chalicelib.deliveries.sending import chunks
from chalicelib.gateways import clock
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, to_ms
from chalicelib.timers import service as timers


def control(account: str, run: str) -> Control:
    """What workers may do with a run; a run that nobody ever stopped is released."""
    return store.read(account, run, [])[0]


def pause(account: str, run: str, reason: str, until: str | None = None) -> bool:
    """Stop new attempts of a run. An operator's pause replaces any other; the others leave it alone."""
    unless = ["cancelled"] if reason == "operator" else ["cancelled", "paused"]
    paused = changes.set_control(account, run, Control("paused", reason, until), clock.now(), unless=unless)
    if paused and until is None and reason != "operator":
        count("RunsHeld", account=account)
        logger.warning("a run waits for a person", extra={"account": account, "run": run, "reason": reason})
    return paused


def resume(account: str, run: str, *, until: str | None = None) -> bool:
    """Let a run go on; with ``until``, only if it waits for just that time. It is not fed by this. One that
    the brake had stopped is stopped by it no more.
    """
    lifted = until is None and control(account, run).reason == "runaway"
    released = Control("released", lifted=lifted)
    return changes.set_control(
        account, run, released, clock.now(), unless=["cancelled"], while_until=until or ""
    )


def cancel(account: str, run: str) -> None:
    """Stop a run for good; what LINE may have accepted already runs to its end."""
    changes.set_control(account, run, Control("cancelled", "operator"), clock.now(), unless=["cancelled"])


def hold(account: str, run: str, status: Status, manifest: Manifest, ruling: Ruling) -> None:
    """Wait until the policies allow it: a watched chunk by itself, the others with their whole run.

    A hold is no watch: it has an entry of its own, which no later watch makes superfluous.
    """
    if status.own_watch:
        hold_chunk(account, run, status.chunk, ruling.until)
        return
    hold_run(account, run, manifest["cause"], ruling)


def hold_chunk(account: str, run: str, chunk: str, until: datetime) -> None:
    """Have a watched chunk tried at a time, whatever its watch does."""
    body = {"run": run, "chunk": chunk}
    timers.arm(timers.Entry(account, "chunk_hold", f"{run}/{chunk}", to_ms(until), until, body=body))


def hold_run(account: str, run: str, cause: Mapping[str, Any], ruling: Ruling) -> None:
    """Have a whole run wait until the policies allow it. ``cause`` names its broadcast."""
    # The timer first: a pause that nobody ends would be worse than a timer that finds nothing.
    until = iso(ruling.until)
    body = {**cause, "run": run}
    timers.arm(timers.Entry(account, "run_hold", run, to_ms(ruling.until), ruling.until, body=body))
    pause(account, run, ruling.reason, until)


def hold_over(entries: Sequence[timers.Entry]) -> list[bool]:
    """For drained holds: whether the chunk has come to its end, or the run waits for that time no more."""
    over = []
    for entry in entries:
        run, chunk = entry.body["run"], entry.body.get("chunk")
        control, found = store.read(entry.account, run, [chunk] if chunk else [])
        if chunk:
            over.append(chunk not in found or not found[chunk].is_open)
        else:
            over.append(control.state != "paused" or control.until != iso(entry.due_at))
    return over


def end_hold(account: str, run: str, until: str) -> bool:
    """The time has come for which a run waits: it goes on, and everything of it is fed. False: it does not
    wait for that one.
    """
    if not resume(account, run, until=until):
        return False
    chunks.feed_all(account, run)
    return True
