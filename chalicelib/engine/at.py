"""Where an action stands while it is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.engine.model import Decision, Program, effect_key
from chalicelib.messages import render
from chalicelib.segments.matching import Test, captures, capturing
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger


class CannotRun(ValueError):
    """The action cannot be carried out for this friend; the message says why."""


def cause(rule: str) -> str:
    """How changes name a rule, or a form, node or link that acts like one, as their cause."""
    return rule if ":" in rule else f"rule:{rule}"


@dataclass(frozen=True)
class At:
    """The event being reacted to, the trigger at hand, the rule with its match, and now."""

    event: FriendEvent
    trigger: FriendEvent
    rule: str
    program: Program
    now: datetime
    tests: tuple[Test, ...] = ()

    @property
    def by(self) -> str:
        """How changes name their cause."""
        return cause(self.rule)

    @cached_property
    def captured(self) -> dict[str, str]:
        """What the groups of the match's regular expressions hold: ``event.match.``."""
        return captures(capturing(self.tests), self.trigger.props)

    @property
    def props(self) -> dict[str, Any]:
        """What ``event.`` stands for: the trigger's props, below them those of the event that began it."""
        props = {"type": self.trigger.type, "at": self.trigger.at, **self.event.props, **self.trigger.props}
        return {**props, "match": self.captured} if capturing(self.tests) else props

    def token(self) -> str:
        """The friend's token for tracked links; empty when the account's key cannot be read now: a message
        whose clicks are not known is better than none.
        """
        token = friend_tokens.FriendToken(self.event.user_id)
        try:
            return friend_tokens.make(self.event.account_id, token)
        except Exception:  # noqa: BLE001 (whatever the secret store says)
            logger.exception("a link goes out without its friend", extra={"account": self.event.account_id})
            return ""

    def definition(self, kind: str, name: str) -> dict[str, Any]:
        """A document's body. Raises CannotRun when there is none."""
        document = self.program.snapshot.find(kind, name)
        if document is None:
            raise CannotRun(f"there is no {kind[:-1]} {name}")
        return document.body

    def render(
        self, decision: Decision, effect: Mapping[str, Any], body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The message objects of an effect, kept as its payload. Raises ``render.Unrenderable``."""
        zone, snapshot = self.program.zone, self.program.snapshot
        messages = render.render(
            body, decision.after, snapshot, self.now, event=self.props, zone=zone, token=self.token
        )
        decision.payloads[effect_key(effect)] = messages
        return messages
