"""A friend in a chat who answers a form, decided on without a store."""

from __future__ import annotations

import copy
from typing import Any

from chalicelib.actions.model import Decision
from chalicelib.catalog.validation import normal_body
from chalicelib.forms import ask
from chalicelib.forms.documents import DOCUMENTS
from chalicelib.reaction.decide import decide
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from tests.reaction_builders import NOW, a_program, a_rule, an_event

SKIN: dict[str, Any] = {
    "name": "肌質診断",
    "questions": [
        {
            "id": "type",
            "text": "お肌のタイプは？",
            "type": "choice",
            "required": True,
            "attribute": "skin",
            "choices": [
                {"value": "dry", "label": "乾燥肌", "then": [{"add_tag": "dry"}]},
                {"value": "oily", "label": "脂性肌", "then": [{"add_score": {"score": "heat", "points": 2}}]},
            ],
        },
        {
            "id": "care",
            "text": "保湿に使うものは？",
            "type": "multi_choice",
            "choices": ["水", "クリーム", "オイル"],
            "if": {"form": {"id": "skin", "question": "type", "eq": "dry"}},
        },
        {"id": "age", "text": "ご年齢は？", "type": "number", "attribute": "n"},
    ],
    "then": [{"reply": {"message": "hello"}}, {"add_tag": "vip"}],
}


def a_form(body: dict[str, Any] = SKIN) -> dict[str, Any]:
    return normal_body(DOCUMENTS["forms"], copy.deepcopy(body))


class Chat:
    """A friend in a chat: what they say is decided on, one event a minute."""

    def __init__(self, form: dict[str, Any] = SKIN, **rules: Any) -> None:
        begin = a_rule(then=[{"start_form": "skin"}], match={"text": "診断"}, priority=5, stop=True)
        any_text = a_rule(then=[{"reply": {"message": "hello"}}], match={"message_type": "text"})
        every = {"begin": begin, "any-text": any_text, **rules}
        self.program: Program = a_program(every, forms={"skin": a_form(form)})
        self.sheet: dict[str, Any] | None = None
        self.minutes = 0.0
        self.n = 0

    def hear(self, event: FriendEvent) -> Decision:
        decision = decide(event, self.sheet, self.program, NOW)
        self.sheet = decision.after
        return decision

    def event(self, kind: str, **props: Any) -> FriendEvent:
        self.n += 1
        self.minutes += 1
        return an_event(kind, self.minutes, id=f"e{self.n}", **props)

    def say(self, text: str) -> Decision:
        return self.hear(self.event("messaged", text=text))

    def tap(self, question: str, choice: str, **params: Any) -> Decision:
        found = self.program.forms["skin"].find(question)
        if found is not None and choice.isdecimal() and int(choice) < len(found.choices):
            choice = ask.mark_of(found.choices[int(choice)])
        data = f"todoku-form=skin&question={question}&choice={choice}"
        return self.hear(self.event("postback", data=data, params=params))

    @property
    def waiting(self) -> str | None:
        return ((self.sheet or {}).get("form_session") or {}).get("question")

    @property
    def answers(self) -> dict[str, Any]:
        entry = (self.sheet or {})["forms"]["skin"]
        return {name: answer["value"] for name, answer in entry["answers"].items()}


def sent_texts(decision: Decision) -> list[str]:
    """The texts of all that the decision says, in order."""
    sent_by = [e for e in decision.effects if e["action"] in {"reply", "ask", "start_form", "send"}]
    return [m["text"] for e in sent_by for m in decision.payloads.get(f"{e['rule']}:{e['index']}", [])]
