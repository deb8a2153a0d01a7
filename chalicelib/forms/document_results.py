"""The results of a form document (診断): their shape, and what in them can never work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import Body
from chalicelib.messages import vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

FEWEST, MOST = 2, 8
Points = Annotated[float, Field(ge=-1000, le=1000)]


def _picture(address: str) -> str:
    at = settings()
    if not address.startswith("https://") and not (
        at.is_local and address.startswith(f"{at.media_origin}/media/")
    ):
        raise ValueError(Reason("picture_https"))
    return address


Picture = Annotated[str, Field(pattern="^[!-~]+$", max_length=1000), AfterValidator(_picture)]
"""Where a picture is: at https, or on a laptop in its own library."""
PointsOf = Points | Annotated[dict[Id, Points], Field(min_length=1, max_length=MOST)]


class Result(BaseModel):
    """What a form comes to: for whom ``if`` holds, and whose points are from ``from`` to ``to``."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: Id
    title: Annotated[str, Field(min_length=1, max_length=100)]
    text: Annotated[str, Field(min_length=1, max_length=1000)]
    image: Picture | None = None
    if_: dict[str, Any] | None = Field(default=None, alias="if")
    from_: Points | None = Field(default=None, alias="from")
    to: Points | None = None
    then: vocabulary.Actions = []


def shape(body: Body) -> Iterator[Detail]:
    """Results that are named twice, that nobody can have, or that choices name and there are not."""
    results = body.get("results") or []
    known = [result["id"] for result in results]
    for n, result in enumerate(results):
        if result["id"] in known[:n]:
            yield Detail(f"results[{n}].id", Reason("result_twice", id=result["id"]))
        low, high = result.get("from"), result.get("to")
        if low is not None and high is not None and low > high:
            yield Detail(f"results[{n}].from", Reason("from_above_to"))
    for index, question in enumerate(body.get("questions") or []):
        for n, choice in enumerate(question.get("choices") or []):
            yield from _points(choice.get("points"), known, f"questions[{index}].choices[{n}].points")


def _points(points: Any, known: list[str], path: str) -> Iterator[Detail]:
    for result in points if isinstance(points, dict) else ():
        if result not in known:
            yield Detail(f"{path}.{result}", Reason("no_result", id=result, known=known))
