"""One attempt at a chunk: what it needs, the call to LINE, and how it goes on when it ended nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import chunks, decide, limits, runs
from chalicelib.deliveries.model import Status
from chalicelib.gateways import line
from chalicelib.shared.ids import new_ulid, retry_key
from chalicelib.shared.observability import logger


@dataclass(frozen=True)
class Attempt:
    """A chunk as it was read, before the mark. ``number`` is the attempt's, and fences its writes."""

    account: str
    run: str
    status: Status
    manifest: Mapping[str, Any]
    token: str
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
        """One call to LINE, within the rate limit, with the one retry key, and what its answer means."""
        limits.wait(self.account, kind)
        key = retry_key(self.account, self.run, self.chunk, recipient)
        try:
            answer = line.send(self.token, kind, body, key)
        except line.NoAnswer:
            return decide.NO_ANSWER
        verdict = decide.read_answer(answer, kind, 1 if recipient else len(body["to"]))
        if verdict.kind not in {"accepted", "no_answer"}:
            logger.warning(
                "LINE refused a %s with %s: %s", kind, answer.status, answer.message, extra=self._where()
            )
        if verdict.kind == "credentials":
            fresh = accounts.line_credentials(self.account, refresh=True)["channel_access_token"]
            if fresh != self.token:
                return replace(verdict, kind="later")
        return verdict

    def _where(self) -> dict[str, str]:
        return {"account": self.account, "run": self.run, "chunk": self.chunk}

    def go_on(self, verdict: decide.Verdict, delay_s: int) -> None:
        """After an attempt that did not end the chunk: pause the run, or feed the chunk again later."""
        if verdict.kind not in {"quota", "credentials"}:
            chunks.feed(self.account, self.run, self.chunk, delay_s=delay_s)
        elif not self.status.own_watch:
            runs.pause(self.account, self.run, verdict.kind)
        # A rule's or a scenario's run is not stopped as a whole: its chunk's watch tries again, ever more
        # rarely.
