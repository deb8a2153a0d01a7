"""The documents this room owns: tags, scores, attributes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends.scores import VALUE_LIMIT
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name, PositiveDuration


def _unique(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("each value may stand once")
    return values


def _choice(text: str) -> str:
    if "|" in text or text != text.strip():
        raise ValueError("a choice holds no | and does not begin or end with a space")
    return unicodedata.normalize("NFC", text)


Number = Annotated[float, Field(allow_inf_nan=False, ge=-VALUE_LIMIT, le=VALUE_LIMIT)]
Choice = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_choice)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tag(_Document):
    """A label that friends carry, with when and why."""

    name: Name
    folder: Name | None = None


class Score(_Document):
    """A named score: points that fade by half-life, kept within limits, with thresholds that fire rules."""

    name: Name
    half_life: PositiveDuration | None = None
    min: Number | None = None
    max: Number | None = None
    thresholds: Annotated[list[Number], Field(max_length=20), AfterValidator(_unique)] = []

    @model_validator(mode="after")
    def _ordered(self) -> Score:
        self.thresholds = sorted(self.thresholds)
        return self


class Attribute(_Document):
    """A typed fact about a friend that the business asks for or knows."""

    name: Name
    type: Literal["text", "number", "boolean", "date", "choice", "multi_choice"]
    choices: Annotated[list[Choice], Field(min_length=1, max_length=200), AfterValidator(_unique)] | None = (
        None
    )

    @model_validator(mode="after")
    def _choices_where_needed(self) -> Attribute:
        if (self.choices is not None) is not self.type.endswith("choice"):
            raise ValueError("choices are needed for choice and multi_choice, and for nothing else")
        return self


def _score_works(_id: str, body: dict[str, Any], _snapshot: Snapshot) -> Iterable[Detail]:
    low, high = body.get("min"), body.get("max")
    if low is not None and high is not None and low > high:
        yield Detail("min", f"min {low} is above max {high}")
    for index, threshold in enumerate(body.get("thresholds", ())):
        if (low is not None and threshold < low) or (high is not None and threshold > high):
            yield Detail(f"thresholds[{index}]", f"{threshold} lies outside min and max: never crossed")


KINDS = {
    "tags": DocumentKind("tags", Tag),
    "scores": DocumentKind("scores", Score, check=_score_works),
    "attributes": DocumentKind("attributes", Attribute),
}
