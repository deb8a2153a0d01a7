"""What the tag sends, bounded: a visitor, how they are known, and what they did."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from chalicelib.accounts import site_rules
from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import event_key
from chalicelib.http.bodies import join_path, what_is_wrong
from chalicelib.intake.model import Amount, Currency, Item, OrderId
from chalicelib.links import site_tokens
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.events import CUSTOM, FriendEvent
from chalicelib.shared.fields import Id
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit
from chalicelib.shared.times import iso
from chalicelib.site import patterns

MOST_EVENTS = 20
MAX_BODY = 32_000
_OLDEST_MS = 7 * 86_400_000
_MAX_PROPS = 4_000
_PLAIN = "^[A-Za-z0-9_-]+$"


def _props(props: dict[str, Any]) -> dict[str, Any]:
    wrong = unfit(props)
    if wrong is not None:
        raise ValueError(Reason("at", path=wrong[0], why=wrong[1]) if wrong[0] else wrong[1])
    if len(json.dumps(props, ensure_ascii=False).encode()) > _MAX_PROPS:
        raise ValueError(Reason("larger_than", most=_MAX_PROPS))
    return props


@dataclass(frozen=True)
class Where:
    """The account whose site it is, and its documents."""

    account: Account
    snapshot: Snapshot


class SiteEvent(BaseModel):
    """Something that a visitor did. ``id`` is the browser's, once for each; ``age``: so many milliseconds
    ago, because clocks of browsers are wrong.
    """

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=8, max_length=64, pattern=_PLAIN)]
    age: Annotated[int, Field(ge=0, le=_OLDEST_MS)] = 0

    @abstractmethod
    def reported(self, where: Where) -> tuple[str, dict[str, Any]] | None:
        """The type and the properties of its event; None: it is none that counts. Raises RuleViolation."""


class PageView(SiteEvent):
    """A page was looked at: ``page`` names its document, else the pattern of its address does."""

    event: Literal["page"]
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    page: Id | None = None

    def reported(self, where: Where) -> tuple[str, dict[str, Any]] | None:
        """A view of one of the account's pages."""
        if not site_tokens.is_site(where.account, self.url):
            raise RuleViolation.at("url", Reason("site_elsewhere"))
        if self.page is not None and where.snapshot.find("pages", self.page) is None:
            raise RuleViolation.at("page", Reason("no_path", path=f"pages/{self.page}"))
        page = self.page or patterns.page_of(where.snapshot, self.url)
        return None if page is None else ("page_viewed", {"page": page, "path": patterns.path_of(self.url)})


class _WithMoney(SiteEvent):
    value: Amount
    currency: Currency | None = None
    items: Annotated[list[Item], Field(max_length=50)] = []

    def _money(self, where: Where) -> dict[str, Any]:
        if self.currency not in {None, where.account.currency}:
            reason = Reason("other_currency", given=self.currency or "", currency=where.account.currency)
            raise RuleViolation.at("currency", reason)
        items = [item.model_dump(mode="json", exclude_none=True) for item in self.items]
        return {"value": self.value, "currency": where.account.currency, "items": items}


class CartChanged(_WithMoney):
    """What is in the cart now; empty: nothing."""

    event: Literal["cart"]

    def reported(self, where: Where) -> tuple[str, dict[str, Any]]:
        """The cart."""
        return "cart_changed", self._money(where)


class Bought(_WithMoney):
    """An order, as the browser saw it."""

    event: Literal["purchase"]
    order_id: OrderId

    def reported(self, where: Where) -> tuple[str, dict[str, Any]]:
        """A conversion."""
        return "converted", {"order_id": self.order_id, **self._money(where)}


class OwnEvent(SiteEvent):
    """An event that the account has named."""

    event: Literal["custom"]
    name: Id
    props: Annotated[dict[str, Any], AfterValidator(_props)] = {}

    def reported(self, where: Where) -> tuple[str, dict[str, Any]]:
        """A custom event."""
        if self.name not in site_rules.of(where.account).events:
            raise RuleViolation.at("name", Reason("site_event_unnamed", name=self.name))
        return f"{CUSTOM}{self.name}", self.props


_KINDS: Mapping[str, type[SiteEvent]] = {
    "page": PageView,
    "cart": CartChanged,
    "purchase": Bought,
    "custom": OwnEvent,
}


class Visit(BaseModel):
    """What a browser sends: its own random name, how it is known (``t`` behind a tracked link, or an ID token
    of LIFF or LINE Login), whether the visitor has agreed, and events, each read by itself.
    """

    model_config = ConfigDict(extra="forbid")

    visitor: Annotated[str, Field(min_length=20, max_length=64, pattern=_PLAIN)]
    t: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    id_token: Annotated[str, Field(min_length=1, max_length=8000)] | None = None
    consent: bool = False
    events: Annotated[list[dict[str, Any]], Field(max_length=MOST_EVENTS)] = []


class Result(BaseModel):
    """What became of an event: ``accepted``, ``ignored`` (a page that nobody named) or ``rejected``."""

    id: str | None
    status: str
    error: dict[str, Any] | None = None


class Taken(BaseModel):
    """``known``: a friend is known in this browser. One result for each event, in order."""

    known: bool
    results: list[Result]


def read(where: Where, visitor: str, raw: dict[str, Any], path: str, now: datetime) -> FriendEvent | None:
    """The event of something that was sent, nobody's yet; None: it does not count.

    Raises InvalidInput and RuleViolation with paths below ``path``.
    """
    kind = _KINDS.get(str(raw.get("event")))
    if kind is None:
        raise InvalidInput.at(f"{path}.event", Reason("must_be_one_of", choices=list(_KINDS)))
    try:
        item = kind.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        raise InvalidInput.of(what_is_wrong(kind, error, path), "the item") from error
    try:
        found = item.reported(where)
    except RuleViolation as error:
        below = [Detail(join_path(path, detail.path), detail.reason) for detail in error.details]
        raise RuleViolation.of(below) from error
    if found is None:
        return None
    type_, props = found
    at = iso(now - timedelta(milliseconds=item.age))
    name = f"site:{digest(visitor, item.id)[:32]}"
    key = event_key(type_, props)
    return FriendEvent(name, where.account.id, "", type_, at, key, props, source="site")
