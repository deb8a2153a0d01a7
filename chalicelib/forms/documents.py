"""The document this room owns: forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.events.contents import KINDS, ContentKind
from chalicelib.forms import ask, document_results, naming
from chalicelib.forms.document_results import FEWEST, MOST, Picture, PointsOf, Result
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import CANCEL, EXPIRES, WORDS, read_form
from chalicelib.messages import checks, untracked, variables, vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, Name, PositiveDuration, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

if TYPE_CHECKING:
    QuestionType = str
else:
    QuestionType = Literal[tuple(QUESTION_TYPES)]
Label = Annotated[str, Field(min_length=1, max_length=100)]
FormText = Annotated[str, Field(min_length=1, max_length=1000)]


def _choice(given: Any) -> Any:
    return {"value": given} if isinstance(given, str) else given


class Choice(Strict):
    """One answer to choose: what is kept, what is shown, what is done about it. A text is a value alone.
    ``points``: what it counts, or for which results; ``image``: shown beside it on the web.
    """

    value: Annotated[str, Field(min_length=1, max_length=100)]
    label: Label | None = None
    then: vocabulary.Actions = []
    points: PointsOf | None = None
    image: Picture | None = None


class Question(Strict):
    """One question. ``attribute`` keeps the answer as a fact as well; ``if`` says to whom it is put;
    ``accept``: what a ``file`` may be (without it anything).
    """

    id: Id
    text: FormText
    type: QuestionType = "text"
    scale: Annotated[int, Field(ge=2, le=10)] | None = None
    required: bool = False
    choices: list[Annotated[Choice, BeforeValidator(_choice)]] | None = Field(default=None, max_length=100)
    accept: Annotated[list[ContentKind], Field(min_length=1, max_length=len(KINDS))] | None = None
    attribute: Id | None = None
    if_: dict[str, Any] | None = Field(default=None, alias="if")

    @model_validator(mode="after")
    def _choices_where_needed(self) -> Question:
        kind = QUESTION_TYPES[self.type]
        if bool(self.choices) is not kind.has_choices:
            raise ValueError(Reason("choices_belong"))
        if self.scale is not None and kind.numbers is None:
            raise ValueError(Reason("scale_belongs"))
        if self.accept is not None and not kind.takes_files:
            raise ValueError(Reason("accept_belongs"))
        return self


class Words(Strict):
    """What the form says and shows of its own accord."""

    yes: Label = WORDS["yes"]
    no: Label = WORDS["no"]
    skip: Label = WORDS["skip"]
    done: Label = WORDS["done"]
    pick: Label = WORDS["pick"]
    agree: Label = WORDS["agree"]
    album: Label = WORDS["album"]
    camera: Label = WORDS["camera"]
    again: FormText = WORDS["again"]
    cancelled: FormText = WORDS["cancelled"]
    thanks: FormText = WORDS["thanks"]


class Form(Strict):
    """Questions to a friend. ``then`` is done when the last one is answered; ``expires`` after the latest
    question no answer is waited for any more; ``cancel`` are the words by which a friend leaves. ``web``: it
    is on the web too, ``answers``: there, whether who has answered it may do so again, ``say_results``:
    whether a result that does not say itself is sent to the chat as well.
    """

    name: Name
    questions: list[Question] = Field(default=[], max_length=100)
    then: vocabulary.Actions = []
    expires: PositiveDuration = EXPIRES
    cancel: list[Label] = Field(default=list(CANCEL), max_length=20)
    words: Words = Words()
    category: Literal["marketing", "transactional"] = "marketing"
    web: bool = False
    answers: Literal["once", "many"] = "many"
    say_results: bool = True
    results: Annotated[list[Result], Field(min_length=FEWEST, max_length=MOST)] | None = None


class State(BaseModel):
    """``url``: where friends find it on the web, whom LINE signs in; null: it is not on the web, or the
    account has no LIFF app.
    """

    url: str | None


def _state(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    from chalicelib.accounts.service import find_account

    account = find_account(snapshot.account_id)
    is_there = snapshot.get("forms", id_).body.get("web") and account is not None and account.liff_id
    url = f"{settings().line_liff_url}/{account.liff_id}/f/{id_}" if account and is_there else None
    return State(url=url).model_dump()


def _actions(body: Body) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "then", body.get("then") or []
    for index, question in enumerate(body.get("questions") or []):
        for n, choice in enumerate(question.get("choices") or []):
            yield f"questions[{index}].choices[{n}].then", choice.get("then") or []
    for n, result in enumerate(body.get("results") or []):
        yield f"results[{n}].then", result.get("then") or []


def actions_of(body: Body) -> Iterator[dict[str, Any]]:
    """All that a form does, at its end or for a choice."""
    return (action for _, then in _actions(body) for action in then)


def _conditions(body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, question in enumerate(body.get("questions") or []):
        if question.get("if") is not None:
            yield f"questions[{index}].if", question["if"]
    for n, result in enumerate(body.get("results") or []):
        if result.get("if") is not None:
            yield f"results[{n}].if", result["if"]


def _asked(body: Body) -> list[tuple[str, list[dict[str, Any]]]]:
    """What each question looks like at its longest, and each result, with its place in the form."""
    form = read_form("form", body, None)
    asked = [ask.messages(form, question, again=True, numbered=True) for question in form.questions]
    result_messages = [[{"type": "text", "text": result.text}] for result in form.results]
    return [
        *((f"questions[{n}].text", messages) for n, messages in enumerate(asked)),
        *((f"results[{n}].text", messages) for n, messages in enumerate(result_messages)),
    ]


def _shape(body: Body) -> Iterator[Detail]:
    seen: set[str] = set()
    for index, question in enumerate(body.get("questions") or []):
        if question["id"] in seen:
            yield Detail(f"questions[{index}].id", Reason("question_twice", id=question["id"]))
        seen.add(question["id"])
        values = [choice["value"] for choice in question.get("choices") or []]
        for n, value in enumerate(values):
            if value in values[:n]:
                yield Detail(
                    f"questions[{index}].choices[{n}].value", Reason("choice_twice", value=repr(value))
                )
    for path, condition in _conditions(body):
        yield from language.shape(condition, path)
    yield from document_results.shape(body)


def _references(body: Body) -> Iterator[Reference]:
    for index, question in enumerate(body.get("questions") or []):
        if question.get("attribute"):
            yield Reference(f"questions[{index}].attribute", "attributes", question["attribute"])
    for path, messages in _asked(body):
        for found in variables.references(messages):
            yield Reference(path, found.kind, found.id)
    for path, condition in _conditions(body):
        yield from language.references(condition, path)
    for path, then in _actions(body):
        yield from vocabulary.references(then, path)


def _check(_id: str, body: Body, snapshot: Snapshot) -> Iterator[Detail]:
    for path, condition in _conditions(body):
        yield from language.logic(condition, snapshot, path)
    for path, then in _actions(body):
        yield from vocabulary.check(then, snapshot, path)
    for index, question in enumerate(body.get("questions") or []):
        yield from _fits_attribute(question, snapshot, f"questions[{index}]")
    for path, messages in _asked(body):
        for detail in [*checks.check_templates(messages), *checks.check_shape(messages)]:
            yield Detail(path, detail.reason)


def _fits_attribute(question: dict[str, Any], snapshot: Snapshot, path: str) -> Iterator[Detail]:
    """An answer must be a value that the attribute can have."""
    document = snapshot.find("attributes", question.get("attribute") or "")
    if document is None:
        return
    wanted, kind = document.body["type"], QUESTION_TYPES[question["type"]]
    if wanted not in {kind.fact, *kind.also_facts}:
        yield Detail(f"{path}.attribute", Reason("question_type", wanted=wanted, given=kind.fact))
        return
    if wanted == "text":
        return
    known = document.body.get("choices") or []
    for n, choice in enumerate(question.get("choices") or []):
        if choice["value"] not in known:
            reason = Reason("choice_not_of", choice=choice["value"], attribute=question["attribute"])
            yield Detail(f"{path}.choices[{n}].value", reason)


def _warn(id_: str, snapshot: Snapshot) -> Iterator[Detail]:
    """Choices that a friend who types cannot distinguish, and web addresses that nobody sees opened."""
    body = snapshot.get("forms", id_).body
    for path, messages in _asked(body):
        for _, advice in untracked.untracked(messages, snapshot):
            yield Detail(path, advice)
    form = read_form(id_, body, None)
    for index, question in enumerate(form.questions):
        for n, other in naming.twins(question):
            one, same = question.choices[n].label, question.choices[other].label
            alike = Reason("choices_alike_typed", one=one, other=same)
            yield Detail(f"questions[{index}].choices[{n}]", alike)


DOCUMENTS: dict[str, DocumentKind] = {
    "forms": DocumentKind(
        "forms",
        Form,
        path_name="form",
        shape=_shape,
        references=_references,
        path_words=frozenset({"try"}),
        check=_check,
        warn=_warn,
        state_model=State,
        state=_state,
    )
}
