"""Where an action is while it is decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import friend_tokens
from chalicelib.actions.effects import effect_key
from chalicelib.actions.model import CannotRun, Decision
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.matching import Test, captures, capturing
from chalicelib.forms.model import Form
from chalicelib.members import account_link
from chalicelib.messages import render
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason


def cause(rule: str) -> str:
    """How changes name a rule, or a form, node or link that acts like one, as their cause."""
    return rule if ":" in rule else f"rule:{rule}"


@dataclass(frozen=True)
class DecisionContext:
    """The event being reacted to, the trigger at hand, the rule with its match, and now."""

    event: FriendEvent
    trigger: FriendEvent
    rule: str
    program: Program
    now: datetime
    tests: tuple[Test, ...] = ()
    number: int = 0
    """Which of the event's facts the trigger is, in their order (``fact_lines``); 0: the event itself."""

    @property
    def by(self) -> str:
        """How changes name their cause."""
        return cause(self.rule)

    @property
    def zone(self) -> ZoneInfo:
        """The account's."""
        return self.program.zone

    @property
    def snapshot(self) -> Snapshot:
        """The documents in force."""
        return self.program.snapshot

    @property
    def forms(self) -> Mapping[str, Form]:
        """The account's forms, ready to run."""
        return self.program.forms

    @cached_property
    def captured(self) -> dict[str, str]:
        """What the groups of the match's regular expressions hold: ``event.match.``."""
        return captures(capturing(self.tests), self.trigger.props)

    @property
    def props(self) -> dict[str, Any]:
        """What ``event.`` stands for: the trigger's props, below them those of the event that began it."""
        props = {"type": self.trigger.type, "at": self.trigger.at, **self.event.props, **self.trigger.props}
        return {**props, "match": self.captured} if capturing(self.tests) else props

    def _token(self, rule: str, page: str) -> str:
        """The friend's token for tracked links that ``rule`` sends, or for a page; empty when the account's
        key cannot be read now: a message whose clicks are not known is better than none.
        """
        token = friend_tokens.of_effect(self.event.user_id, rule, self.event.type)
        try:
            return self.program.tokens(self.event.account_id, token, page)
        except Exception:  # noqa: BLE001 (whatever the secret store says)
            logger.exception("a link goes out without its friend", extra={"account": self.event.account_id})
            return ""

    def definition(self, kind: str, name: str) -> dict[str, Any]:
        """A document's body. Raises CannotRun when there is none."""
        document = self.program.snapshot.find(kind, name)
        if document is None:
            raise CannotRun(Reason("no_document", kind=kind[:-1], id=name))
        return document.body

    def render(
        self, decision: Decision, effect: Mapping[str, Any], body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The message objects of an effect, kept as its payload. Raises ``render.Unrenderable``."""
        zone, snapshot = self.program.zone, self.program.snapshot
        messages = render.render(
            body,
            decision.after,
            snapshot,
            self.now,
            event=self.props,
            zone=zone,
            token=lambda page="": self._token(str(effect["rule"]), page),
            account_link=account_link.place_for(effect),
        )
        decision.payloads[effect_key(effect)] = messages
        return messages
