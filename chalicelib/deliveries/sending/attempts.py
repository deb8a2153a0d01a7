"""One attempt at a chunk: what it needs, the call to LINE, and how it goes on when it ended nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import changes, decide, limits, runs
from chalicelib.deliveries.model import Manifest, Status
from chalicelib.deliveries.sending import chunks
from chalicelib.gateways import clock, line
from chalicelib.shared.ids import new_ulid, retry_key


@dataclass(frozen=True)
class Attempt:
    """A chunk as it was read, before the mark. ``number`` is the attempt's, and fences its writes."""

    account: str
    run: str
    status: Status
    manifest: Manifest
    token: str
    bucket: limits.Bucket
    by: str = field(default_factory=new_ulid)
    """Names this very attempt, so that a mark that is sent again knows its own."""

    @property
    def chunk(self) -> str:
        """The chunk's name."""
        return self.status.chunk

    @property
    def number(self) -> int:
        """Which attempt this one will be."""
        return self.status.attempts + 1

    def call(self, kind: str, body: Mapping[str, Any], recipient: str | None = None) -> decide.Verdict:
        """One call to LINE, within the rate limit, with the one retry key, and what its answer means.

        Several threads of one worker may call at a time.
        """
        limits.wait(self.bucket)
        if unit := self.manifest.get("unit"):
            body = {**body, "customAggregationUnits": [unit]}
        key = retry_key(self.account, self.run, self.chunk, recipient)
        try:
            answer = line.send(self.token, kind, body, key)
        except line.NoAnswer:
            return decide.NO_ANSWER
        verdict = decide.read_answer(answer, kind, 1 if recipient else len(body["to"]))
        if answer.status == 429 and verdict.kind == "later":
            self._slow_down()
        return verdict

    def _slow_down(self) -> None:
        """LINE counts more calls than we do: this worker and the run's others go at half their pace."""
        now = clock.now()
        if self.bucket.slow_down(now):
            changes.note_slowed(self.account, self.run, now)

    def go_on(self, verdict: decide.Verdict, delay_s: int) -> None:
        """After an attempt that did not end the chunk: pause the run, or feed the chunk again later."""
        if verdict.kind not in {"quota", "credentials"} or self._has_new_token(verdict):
            chunks.feed(self.account, self.run, self.chunk, delay_s=delay_s)
        elif not self.status.own_watch:
            runs.pause(self.account, self.run, verdict.kind)
        # A rule's or a scenario's run is not stopped as a whole: its chunk's watch tries again, ever more
        # rarely, and when LINE's month begins.
        elif verdict.kind == "quota":
            runs.hold_chunk(self.account, self.run, self.chunk, limits.next_month(clock.now()))

    def _has_new_token(self, verdict: decide.Verdict) -> bool:
        """Whether LINE refused a token that somebody has replaced meanwhile."""
        if verdict.kind != "credentials":
            return False
        return accounts.line_credentials(self.account, refresh=True)["channel_access_token"] != self.token
