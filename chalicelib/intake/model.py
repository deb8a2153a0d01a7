"""What other systems may say, and how it becomes a FriendEvent. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from chalicelib.shared.bodies import join_path, path_of
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.events import NOBODY, FriendEvent
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso, parse_iso

MAX_ITEMS = 500
MAX_PROPS_BYTES = 60_000
AMOUNT_LIMIT = 1e12
AHEAD = timedelta(days=731)
"""So far in the future something may be said to happen: a reservation, say. Beyond it is a mistake."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_TYPE = re.compile(r"custom:[^\x00-\x1f\x7f]{1,100}\Z|reserved\Z|purchased\Z")


def _plain(text: str) -> str:
    if text == NOBODY or not is_storable(text) or re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("must be printable text")
    return text


def _moment(text: str) -> str:
    return iso(parse_iso(text))


def _event_type(text: str) -> str:
    if not _TYPE.match(text):
        raise ValueError("must be custom:<name>, purchased or reserved")
    return text


def _props(props: dict[str, Any]) -> dict[str, Any]:
    if not is_storable(props):
        raise ValueError("is nested too deeply or holds a number that cannot be stored")
    if len(json.dumps(props, ensure_ascii=False).encode()) > MAX_PROPS_BYTES:
        raise ValueError(f"is larger than {MAX_PROPS_BYTES} bytes")
    return props


Plain = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_plain)]
OrderId = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_plain)]
Moment = Annotated[str, AfterValidator(_moment)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Amount = Annotated[float, Field(ge=0, le=AMOUNT_LIMIT, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _About(_Strict):
    """Somebody: a friend, or a member."""

    user_id: Plain | None = None
    member_id: Plain | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> _About:
        if (self.user_id is None) is (self.member_id is None):
            raise ValueError("needs either user_id or member_id")
        return self


class Event(_About):
    """One event of a friend, from another system."""

    event_id: Plain
    type: Annotated[str, AfterValidator(_event_type)]
    at: Moment | None = None
    props: Annotated[dict[str, Any], AfterValidator(_props)] = {}

    def friend_event(self, account: str, user: str, now: datetime) -> FriendEvent:
        """The event for the engine."""
        return FriendEvent(
            self.event_id, account, user, self.type, self.at or iso(now), props=self.props, source="api"
        )


class Item(_Strict):
    """One line of an order; ``amount`` is the line's."""

    product: Name
    category: Name | None = None
    quantity: Annotated[float, Field(ge=0, le=AMOUNT_LIMIT, allow_inf_nan=False)] = 1
    amount: Amount = 0


class Order(BaseModel):
    """What a ``purchased`` event's props must hold; they may hold more."""

    order_id: OrderId
    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "JPY"
    items: list[Item] = Field(default=[], max_length=200)
    refund_of: OrderId | None = None


class Purchase(_About):
    """One order, or with ``refund_of`` one taken back."""

    order_id: OrderId
    at: Moment
    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "JPY"
    items: list[Item] = Field(default=[], max_length=200)
    refund_of: OrderId | None = None

    @property
    def event_id(self) -> str:
        """An order is one event, however often it is told."""
        return f"order:{self.order_id}"

    def friend_event(self, account: str, user: str, _now: datetime) -> FriendEvent:
        """The purchase for the engine."""
        props = self.model_dump(mode="json", exclude={"user_id", "member_id", "at"}, exclude_none=True)
        return FriendEvent(self.event_id, account, user, "purchased", self.at, props=props, source="api")


class Events(_Strict):
    """Many events."""

    events: list[Event] = Field(max_length=MAX_ITEMS)


class Purchases(_Strict):
    """Many purchases."""

    purchases: list[Purchase] = Field(max_length=MAX_ITEMS)


class Result(BaseModel):
    """What came of one item: ``accepted``, ``duplicate`` or ``rejected`` with the error."""

    event_id: str | None
    order_id: str | None = None
    status: str
    error: dict[str, Any] | None = None


class Results(BaseModel):
    """One result per item, in order."""

    results: list[Result]


Said = Event | Purchase
Kind = type[Event | Purchase]
T = TypeVar("T", bound=BaseModel)


def read(kind: Kind, raw: Any, path: str = "") -> Said:
    """One item as its model. Raises InvalidInput with paths below ``path``."""
    said = _parse(kind, raw, path)
    if isinstance(said, Event) and said.type == "purchased":
        _parse(Order, said.props, join_path(path, "props"))
    return said


def refuse_far_future(said: Said, now: datetime, path: str = "") -> None:
    """Raises InvalidInput for a moment that would stand before everything that really happens."""
    if said.at is not None and said.at > iso(now + AHEAD):
        where = join_path(path, "at")
        reason = f"is more than {AHEAD.days} days ahead: {said.at}, and it is {iso(now)} now"
        raise InvalidInput(f"{where}: {reason}", [Detail(where, reason)])


def doubt(said: Said, now: datetime) -> str | None:
    """What is taken and probably not meant: a moment to come, of anything but a reservation."""
    reserved = isinstance(said, Event) and said.type == "reserved"
    if reserved or said.at is None or said.at <= iso(now + _CLOCKS_DIFFER):
        return None
    return f"at is in the future: {said.at}, and it is {iso(now)} now; is the time zone right?"


def _parse(kind: type[T], raw: Any, path: str) -> T:
    try:
        return kind.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        details = [
            Detail(join_path(path, path_of(e["loc"])), e["msg"].removeprefix("Value error, "))
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidInput(f"{details[0].path or 'the item'}: {details[0].message}", details) from error
