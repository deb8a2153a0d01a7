"""Any rules, any events, crashes and duplicates anywhere: the same sheet and the same sends as one clean run.

The protocol runs on stores of a few lines whose every call may be the last one of the process.
"""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.accounts.model import Account
from chalicelib.actions.kinds import kind_of
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.sending import reply as replies
from chalicelib.deliveries.sending.reply import Outcome
from chalicelib.gateways import queues, seam
from chalicelib.reaction import service
from chalicelib.reports import journal
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.sheets.paths import changed_paths
from tests.reaction_builders import NOW, a_program, a_rule, an_event

ACCOUNT = Account("shop", "店", "Asia/Tokyo", 4)


class Crash(BaseException):
    """The process is gone."""


class Place:
    """The world outside the engine: two stores, a ledger, LINE; each call counts down to a crash."""

    def __init__(self) -> None:
        self.sheet: dict[str, Any] | None = None
        self.activities: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, Any] = {}
        self.replied: Counter[str] = Counter()
        self.asked: set[str] = set()
        self.fuse: int | None = None
        self.after = False

    def cross(self, call: Callable[[], Any]) -> Any:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse == 0 and not self.after:
                raise Crash
        answer = call()
        if self.fuse == 0:
            raise Crash
        return answer

    def load(self, *_: Any, **_named: Any) -> Any:
        return self.cross(lambda: copy.deepcopy(self.sheet))

    def find_many(self, _account: str, _user: str, ids: list[str]) -> Any:
        return self.cross(lambda: {i: self.activities[i] for i in ids if i in self.activities})

    def create_or_update(self, *args: Any) -> Any:
        _, _, _, before, after, seen = args

        def write() -> bool:
            if (self.sheet or {}).get("rev") != seen:
                return False
            if before is not None:
                changed_paths(before, after)
            self.sheet = copy.deepcopy(after) | {"rev": (seen or 0) + 1}
            return True

        return self.cross(write)

    def update_paths(self, *_: Any) -> bool:
        return True

    def replace_failed(self, activity: dict[str, Any]) -> Any:
        return self.cross(lambda: self.activities.setdefault(activity["event_id"], copy.deepcopy(activity)))

    def put_chunk(self, chunk: Any, *, watch: bool) -> Any:
        assert watch
        return self.cross(lambda: {"skips": {}, **self.sent.setdefault(chunk.run, {"to": chunk.recipients})})

    def reply(self, _account: str, _event: str, _rule: str, token: str, messages: Any) -> Outcome:
        def send() -> Outcome:
            assert 1 <= len(messages) <= 5
            self.replied[token] += 1
            return Outcome("done")

        outcome: Outcome = self.cross(send)
        return outcome

    def queue(self, _queue: str, body: dict[str, Any], **_: Any) -> None:
        self.cross(lambda: self.asked.add(body["job"]))

    def note(self, _about: Any, _answered: Any = ()) -> None:
        self.cross(lambda: None)

    def react(self, event: FriendEvent, program: Program) -> None:
        with (
            mock.patch.multiple(
                service.friends,
                load=self.load,
                create_or_update=self.create_or_update,
                update_paths=self.update_paths,
            ),
            mock.patch.multiple(
                service.activities, find_many=self.find_many, replace_failed=self.replace_failed
            ),
            mock.patch.object(deliveries, "put_chunk", self.put_chunk),
            mock.patch.object(replies, "reply", self.reply),
            mock.patch.object(queues, "send", self.queue),
            mock.patch.multiple(journal, note=self.note, note_sent=self.note),
            mock.patch.object(service.health, "note_effects", return_value=None),
            seam.guarded(lambda name, _detail, call: NOW if name == "clock:now" else call()),
        ):
            service.react(event, ACCOUNT, program)

    def outcome(self) -> Any:
        """What must not depend on crashes: facts, rules, changes, sends, and the profile asked for."""
        sheet = {k: v for k, v in (self.sheet or {}).items() if k not in {"pending", "rev"}}
        noted = {
            name: (a["rules"], a["changes"], [e for e in a["effects"] if not by_token(e)])
            for name, a in self.activities.items()
        }
        return sheet, noted, self.sent, self.asked


def by_token(effect: dict[str, Any]) -> bool:
    """Whether an effect goes by a reply token: after a crash nobody knows what came of it."""
    return kind_of(effect["action"]).outgoing == "reply" and effect.get("via") != "push"


tags = st.sampled_from(["a", "b", "c", "vip"])
actions = st.one_of(
    tags.map(lambda tag: {"add_tag": tag}),
    tags.map(lambda tag: {"remove_tag": tag}),
    st.tuples(st.sampled_from(["interest", "heat"]), st.integers(-3, 5)).map(
        lambda pair: {"add_score": {"score": pair[0], "points": pair[1]}}
    ),
    st.integers(0, 9).map(lambda n: {"set_score": {"score": "heat", "value": n}}),
    st.sampled_from(["{{ event.text }}", "dry", None]).map(
        lambda value: {"set_attribute": {"attribute": "skin", "value": value}}
    ),
    st.just({"set_attribute": {"attribute": "memo", "value": "{{ event.text }}"}}),
    st.sampled_from(["x", "y"]).map(lambda name: {"record_event": {"name": name}}),
    st.just({"send": {"message": "hello"}}),
    st.just({"reply": {"message": "hello"}}),
    st.just({"reply": {"message": "three", "push_fallback": True}}),
    st.just({"start_form": "check"}),
)
triggers = st.one_of(
    st.just(("messaged", {})),
    st.sampled_from(["dry", "oily", "hi"]).map(lambda text: ("messaged", {"text": text})),
    st.just(("followed", {})),
    st.just(("custom:x", {})),
    st.just(("custom:y", {})),
    tags.map(lambda tag: ("tag_added", {"tag": tag})),
    st.just(("score_crossed", {})),
    st.just(("attribute_set", {"attribute": "skin"})),
)
conditions = st.sampled_from(
    [None, {"tag": "a"}, {"not": {"tag": "b"}}, {"score": {"id": "interest", "gte": 3}},
     {"event": {"type": "messaged", "count": {"gte": 2}}}]
)  # fmt: skip
limits = st.sampled_from([None, None, "once", {"every": 2}, {"cooldown": "1h"}, {"per_day": 1}])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A handful of rules that wake each other, and one that always sends."""
    found = {"send": a_rule(then=[{"send": {"message": "hello"}}])}
    for n in range(draw(st.integers(0, 6))):
        event, match = draw(triggers)
        more = {"limit": draw(limits), "condition": draw(conditions)}
        found[f"r{n}"] = a_rule(
            event,
            draw(st.lists(actions, min_size=1, max_size=3)),
            match=match,
            priority=draw(st.integers(0, 2)),
            stop=draw(st.booleans()),
            **{name: value for name, value in more.items() if value is not None},
        )
    return found


events = st.lists(
    st.tuples(
        st.sampled_from(["followed", "unfollowed", "messaged", "custom:x", "postback"]),
        st.integers(-100, 100),
        st.sampled_from(["dry", "oily", "hi"]),
    ),
    min_size=1,
    max_size=5,
).map(
    lambda drawn: [
        an_event(kind, minutes, id=f"e{n}", **({"text": text} if kind == "messaged" else {"data": text}))
        for n, (kind, minutes, text) in enumerate(drawn)
    ]
)


@settings(max_examples=120)
@given(rules(), events, st.data())
def test_crashes_and_duplicates_change_nothing(
    drawn: dict[str, Any], sequence: list[FriendEvent], data: st.DataObject
) -> None:
    """Per friend the queue keeps the order; between and after, anything may be cut off or come again."""
    program, clean, harried = a_program(drawn), Place(), Place()
    for event in sequence:
        clean.react(event, program)
    for position, event in enumerate(sequence):
        for _ in range(data.draw(st.integers(0, 2), label="crashes")):
            harried.fuse = data.draw(st.integers(1, 8), label="at")
            harried.after = data.draw(st.booleans(), label="after the call")
            with contextlib.suppress(Crash):
                harried.react(event, program)
            harried.fuse = None
        harried.react(event, program)
        again = data.draw(st.integers(-1, position), label="again")
        if again >= 0:
            harried.react(sequence[again], program)
    assert harried.outcome() == clean.outcome()
    assert all(count == 1 for count in harried.replied.values())
    assert set(harried.replied) <= set(clean.replied)


@settings(max_examples=60)
@given(rules(), events, st.data())
def test_reactions_end_and_leave_no_more_than_the_last_pending(
    drawn: dict[str, Any], sequence: list[FriendEvent], data: st.DataObject
) -> None:
    """Each rule runs at most once per event; only the newest event is still pending on the sheet."""
    program, place = a_program(drawn), Place()
    for event in sequence:
        place.react(event, program)
        ran = Counter(e["rule"] for e in place.activities[event.event_id]["rules"] if e["matched"])
        assert all(count == 1 for count in ran.values())
    assert place.sheet is not None
    assert len(place.sheet["pending"]) <= 1


@settings(max_examples=60)
@given(st.permutations(range(4)), st.lists(st.sampled_from(["a", "b", "c"]), min_size=4, max_size=4))
def test_a_late_event_leaves_later_changes_standing(order: list[int], values: list[str]) -> None:
    """Tags and attributes end as the latest event by its own time says, whatever the order of arrival."""
    program = a_program(
        {
            "set": a_rule("custom:set", [{"set_attribute": {"attribute": "memo", "value": "{{ event.v }}"}}]),
            "on": a_rule("custom:set", [{"add_tag": "t"}], match={"v": {"in": ["a", "b"]}}),
            "off": a_rule("custom:set", [{"remove_tag": "t"}], match={"v": "c"}),
        }
    )
    place = Place()
    for index in order:
        place.react(an_event("custom:set", index, id=f"e{index}", v=values[index]), program)
    assert place.sheet is not None
    assert place.sheet["attributes"]["memo"] == values[3]
    assert ("t" in place.sheet["tags"]) is (values[3] != "c")
    assert place.sheet["facts"]["custom:set"]["count"] == 4
