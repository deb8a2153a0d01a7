"""The documents this room owns: tags, scores, attributes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name, PositiveDuration, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import twins
from chalicelib.sheets.scores import VALUE_LIMIT


def _unique(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError(Reason("value_twice"))
    return values


def _choice(text: str) -> str:
    if "|" in text or text != text.strip():
        raise ValueError(Reason("choice_form"))
    return unicodedata.normalize("NFC", text)


Number = Annotated[float, Field(allow_inf_nan=False, ge=-VALUE_LIMIT, le=VALUE_LIMIT)]
Choice = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_choice)]


class Tag(Strict):
    """A label that friends carry, with when and why."""

    name: Name
    folder: Name | None = None


class Score(Strict):
    """A named score: points that fade by half-life, kept within limits, with thresholds that fire rules."""

    name: Name
    half_life: PositiveDuration | None = None
    min: Number | None = None
    max: Number | None = None
    thresholds: Annotated[list[Number], Field(max_length=20), AfterValidator(_unique)] = []
    folder: Name | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Score:
        self.thresholds = sorted(self.thresholds)
        return self


class Attribute(Strict):
    """A typed fact about a friend that the business asks for or knows."""

    name: Name
    type: Literal["text", "number", "boolean", "date", "choice", "multi_choice"]
    choices: Annotated[list[Choice], Field(min_length=1, max_length=200), AfterValidator(_unique)] | None = (
        None
    )
    folder: Name | None = None

    @model_validator(mode="after")
    def _choices_where_needed(self) -> Attribute:
        if (self.choices is not None) is not self.type.endswith("choice"):
            raise ValueError(Reason("choices_belong"))
        return self


class Loyal(Strict):
    """When a customer is loyal: what is given holds; with neither ``count`` nor ``total``, five orders.

    ``within``: of the orders of that time alone, as far as a fact sheet remembers them (100).
    """

    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    total: Annotated[Number, Field(gt=0)] | None = None
    within: PositiveDuration | None = None


class Attribution(Strict):
    """How long after a click a conversion still belongs to its delivery."""

    window: PositiveDuration = "7d"


class Stages(Strict):
    """Where the stages of customers begin; one document, ``default``."""

    loyal: Loyal = Loyal()
    dormant_after: PositiveDuration = "180d"
    attribution: Attribution = Attribution()


class RfmBounds(Strict):
    """The least values of ranks 2 to 5, as of a time: the last order (in Unix milliseconds), how many, and
    what they come to. Written each night; no author does.
    """

    as_of: str
    r: list[int]
    f: list[int]
    m: list[float]


def _one_of_them(id_: str, _body: dict[str, Any], _snapshot: Snapshot) -> Iterable[Detail]:
    if id_ != "default":
        yield Detail("id", Reason("one_stages"))


def _score_works(_id: str, body: dict[str, Any], _snapshot: Snapshot) -> Iterable[Detail]:
    low, high = body.get("min"), body.get("max")
    if low is not None and high is not None and low > high:
        yield Detail("min", Reason("min_above_max", low=low, high=high))
    for index, threshold in enumerate(body.get("thresholds", ())):
        if (low is not None and threshold < low) or (high is not None and threshold > high):
            yield Detail(f"thresholds[{index}]", Reason("threshold_outside", threshold=threshold))


def _twins(id_: str, snapshot: Snapshot) -> Iterable[Detail]:
    """Choices that people take for one."""
    choices = snapshot.get("attributes", id_).body.get("choices") or ()
    for n, other in twins([(choice,) for choice in choices]):
        yield Detail(f"choices[{n}]", Reason("choices_alike", one=choices[n], other=choices[other]))


DOCUMENTS = {
    "tags": DocumentKind("tags", Tag, path_name="tag"),
    "scores": DocumentKind("scores", Score, path_name="score", check=_score_works),
    "attributes": DocumentKind("attributes", Attribute, path_name="attribute", warn=_twins),
    "stages": DocumentKind("stages", Stages, path_name="stage", check=_one_of_them),
    "rfm": DocumentKind("rfm", RfmBounds),
}
