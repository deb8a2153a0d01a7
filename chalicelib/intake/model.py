"""What other systems may say, and how it becomes a FriendEvent. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from chalicelib.events.kinds import EVENTS, is_custom, type_of
from chalicelib.http.bodies import join_path, what_is_wrong
from chalicelib.reservations import model as reservations
from chalicelib.shared.errors import InvalidInput, RuleViolation
from chalicelib.shared.events import NOBODY, RESERVED, FriendEvent
from chalicelib.shared.fields import Strict, UserId
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit, unfit_name
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import money
from chalicelib.sheets.reservations import ID

MAX_ITEMS = 500
MAX_PROPS_BYTES = 60_000
AHEAD = timedelta(days=731)
"""So far in the future something may be reported to happen: a reservation, say. Beyond it is a mistake."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_CUSTOM = re.compile(r"custom:[^\x00-\x1f\x7f]{1,100}\Z")


def _plain(text: str) -> str:
    why = Reason("names_nobody") if text == NOBODY else unfit_name(text)
    if why:
        raise ValueError(why)
    return text


def _kept_under(text: str) -> str:
    found = unfit(text)
    why = unfit_name(text) if found is None and text == "__proto__" else found and found[1]
    if why:
        raise ValueError(why)
    return text


def _timestamp(text: str) -> str:
    return iso(parse_iso(text))


def _event_type(text: str) -> str:
    if not (_CUSTOM.match(text) or type_of(text).is_reported) or unfit(text):
        reported = [name for name, kind in EVENTS.items() if kind.is_reported]
        raise ValueError(Reason("must_be_one_of", choices=["custom:<name>", *reported]))
    return text


def _props(props: dict[str, Any]) -> dict[str, Any]:
    wrong = unfit(props)
    if wrong is not None:
        raise ValueError(Reason("at", path=wrong[0], why=wrong[1]) if wrong[0] else wrong[1])
    if len(json.dumps(props, ensure_ascii=False).encode()) > MAX_PROPS_BYTES:
        raise ValueError(Reason("larger_than", most=MAX_PROPS_BYTES))
    return props


def _amount(value: float) -> float:
    why = money.unfit(value)
    if why:
        raise ValueError(why)
    return money.plain(money.exact(value))


Plain = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_plain)]
OrderId = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_plain)]
Timestamp = Annotated[str, AfterValidator(_timestamp)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_kept_under)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_amount)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Fire = Annotated[bool | None, Field(description="false: it is counted, and nothing reacts to it")]


class _OfSomebody(Strict):
    """Somebody: a friend, or a member."""

    user_id: UserId | None = None
    member_id: Plain | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> _OfSomebody:
        if (self.user_id is None) is (self.member_id is None):
            raise ValueError(Reason("user_or_member"))
        return self


class Event(_OfSomebody):
    """One event of a friend, from another system."""

    event_id: Plain
    type: Annotated[str, AfterValidator(_event_type)]
    at: Timestamp | None = None
    key: Annotated[Name | None, Field(description="props.key: a custom event counts under it")] = None
    props: Annotated[dict[str, Any], AfterValidator(_props)] = {}
    fire: Fire = None

    @model_validator(mode="after")
    def _key_is_a_property(self) -> Event:
        if self.key is not None:
            if not is_custom(self.type) or self.props.get("key", self.key) != self.key:
                raise ValueError(Reason("key_of_custom"))
            self.props = {**self.props, "key": self.key}
        return self

    @property
    def reservation(self) -> str | None:
        """The reservation that it reports, when it reports one."""
        return str(self.props.get(ID) or self.event_id) if self.type == RESERVED else None

    @property
    def order(self) -> Order | None:
        """The order that it reports, when it reports one."""
        return _parse(Order, self.props, "props") if type_of(self.type).reports_order else None

    def friend_event(self, account: str, user: str, now: datetime, currency: str) -> FriendEvent:
        """The event for the reaction."""
        order, at = self.order, self.at or iso(now)
        kind = self.type if order is None else order.event_type
        props = self.props if order is None else {"currency": currency, **self.props}
        if self.reservation is not None:
            props = reservations.props(self.event_id, self.props, now, has_time=self.at is not None)
        return FriendEvent(self.event_id, account, user, kind, at, props=props, source="api")


class Item(Strict):
    """One line of an order; ``amount`` is the line's."""

    product: Name
    category: Name | None = None
    quantity: Amount = 1
    amount: Amount = 0


class Order(BaseModel):
    """What the props of ``purchased`` and ``refunded`` must hold; they may hold more.

    With ``refund_of`` it is a refund: that order is taken back, or so much of it as the amount says.
    """

    order_id: OrderId
    amount: Amount
    currency: Currency | None = None
    items: list[Item] = Field(default=[], max_length=200)
    refund_of: OrderId | None = None

    @property
    def event_type(self) -> str:
        """A refund is not a purchase."""
        return "purchased" if self.refund_of is None else "refunded"

    @model_validator(mode="after")
    def _own_id(self) -> Order:
        if self.refund_of == self.order_id:
            raise ValueError(Reason("refund_order"))
        return self


class Purchase(_OfSomebody, Order):
    """One order; with ``refund_of`` one taken back, or a part of it."""

    at: Timestamp
    fire: Fire = None

    @property
    def order(self) -> Order:
        """Itself."""
        return self

    @property
    def event_id(self) -> str:
        """An order is one event, however often it is reported."""
        return f"order:{self.order_id}"

    def friend_event(self, account: str, user: str, _now: datetime, currency: str) -> FriendEvent:
        """The purchase, or the refund, for the reaction."""
        left_out = {"user_id", "member_id", "at", "fire"}
        props = {"currency": currency} | self.model_dump(mode="json", exclude=left_out, exclude_none=True)
        return FriendEvent(self.event_id, account, user, self.event_type, self.at, props=props, source="api")


class Events(Strict):
    """Many events."""

    events: list[Event] = Field(max_length=MAX_ITEMS)
    fire: Fire = None


class Purchases(Strict):
    """Many purchases."""

    purchases: list[Purchase] = Field(max_length=MAX_ITEMS)
    fire: Fire = None


class Result(BaseModel):
    """What came of one item: ``accepted``, ``duplicate`` or ``rejected`` with the error."""

    event_id: str | None
    order_id: str | None = None
    status: str
    error: dict[str, Any] | None = None


class Results(BaseModel):
    """One result per item, in order."""

    results: list[Result]


Report = Event | Purchase
Kind = type[Event | Purchase]
T = TypeVar("T", bound=BaseModel)


def read(kind: Kind, raw: Any, path: str = "") -> Report:
    """One item as its model. Raises InvalidInput with paths below ``path``."""
    report = _parse(kind, raw, path)
    if isinstance(report, Event) and type_of(report.type).reports_order:
        order = _parse(Order, report.props, join_path(path, "props"))
        if order.event_type == "purchased" != report.type:
            where = join_path(path, "props.refund_of")
            raise InvalidInput.at(where, Reason("needed_order"))
    if isinstance(report, Event) and report.reservation is not None:
        _parse(reservations.Reservation, report.props, join_path(path, "props"))
    return report


def refuse_far_future(report: Report, now: datetime, path: str = "") -> None:
    """Raises InvalidInput for a time that would be before everything that really happens."""
    if report.at is not None and report.at > iso(now + AHEAD):
        where = join_path(path, "at")
        raise InvalidInput.at(where, Reason("far_future", days=AHEAD.days, at=report.at, now=iso(now)))


def refuse_other_currency(report: Report, currency: str, path: str = "") -> None:
    """Raises RuleViolation for money of another currency than the account's: sums would mean nothing."""
    given = report.order.currency if report.order is not None else None
    if given not in {None, currency}:
        where = join_path(path, "currency" if isinstance(report, Purchase) else "props.currency")
        raise RuleViolation.at(where, Reason("other_currency", given=given or "", currency=currency))


def doubt(report: Report, now: datetime) -> str | None:
    """What is taken and probably not meant: a time to come, of anything but a reservation."""
    reserved = isinstance(report, Event) and report.type == RESERVED
    if reserved or report.at is None or report.at <= iso(now + _CLOCKS_DIFFER):
        return None
    return f"at is in the future: {report.at}, and it is {iso(now)} now; is the time zone right?"


def _parse(kind: type[T], raw: Any, path: str) -> T:
    try:
        return kind.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        details = what_is_wrong(kind, error, path)
        raise InvalidInput.of(details, "the item") from error
