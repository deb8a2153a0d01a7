"""The documents this room owns: coupons (what they shall be), ``published-coupons`` (what LINE has made)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name, Strict, Timestamp
from chalicelib.shared.origins import normal
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import parse_iso

KIND, PUBLISHED = "coupons", "published-coupons"
AT_LINE = "at-line"
"""The path of LINE's own list."""

Amount = Annotated[int, Field(ge=1, le=99_999_999)]
Percent = Annotated[int, Field(ge=1, le=99)]


def _image(address: str) -> str:
    if not address.lower().startswith("https://") and not settings().is_local:
        raise ValueError(Reason("must_be_https"))
    return normal(address, on_laptop=settings().is_local)


ImageUrl = Annotated[str, Field(max_length=2000), AfterValidator(_image)]


class Prices(Strict):
    """What something costs usually, and with the coupon."""

    before: Amount
    after: Annotated[int, Field(ge=0, le=99_999_999)]

    @model_validator(mode="after")
    def _is_less(self) -> Prices:
        if self.after >= self.before:
            raise ValueError(Reason("coupon_price_falls"))
        return self


class Reward(Strict):
    """What a coupon gives. A ``discount`` and ``cash_back`` say how much: ``amount`` (yen) or ``percent``; a
    discount may say both ``prices`` instead.
    """

    type: Literal["discount", "cash_back", "free", "gift", "others"]
    amount: Amount | None = None
    percent: Percent | None = None
    prices: Prices | None = None

    @model_validator(mode="after")
    def _says_how_much(self) -> Reward:
        given = [name for name in ("amount", "percent", "prices") if getattr(self, name) is not None]
        allowed = {"discount": 3, "cash_back": 2}.get(self.type, 0)
        if len(given) != bool(allowed) or (given == ["prices"] and allowed < 3):
            raise ValueError(Reason("coupon_reward_of"))
        return self


class Lottery(Strict):
    """Who gets a coupon is drawn: with this chance, and so many friends at most."""

    percent: Percent
    at_most: Annotated[int, Field(ge=1, le=999_999)] | None = None


class Coupon(Strict):
    """A coupon as friends shall see it: ``title``, from when to when it may be used, what it gives. ``name``
    is what staff call it. ``public``: LINE may show it to others than those whom it is sent to; ``reusable``:
    it may be used again and again; ``code``: what a friend says or a till takes.
    """

    name: Name
    title: Annotated[str, Field(min_length=1, max_length=60)]
    from_: Timestamp = Field(alias="from")
    until: Timestamp
    reward: Reward
    lottery: Lottery | None = None
    public: bool = False
    reusable: bool = False
    description: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    usage_condition: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    code: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    image: ImageUrl | None = None
    barcode_image: ImageUrl | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Coupon:
        if parse_iso(self.from_) >= parse_iso(self.until):
            raise ValueError(Reason("until_after_from"))
        return self


class PublishedCoupon(Strict):
    """What LINE has made of a document: which ``coupon``, its id there, what it was made of, by which job.
    ``closed_at``: it is over; ``earlier``: ids of those before it.
    """

    coupon: str
    coupon_id: str
    made_of: str
    job: str
    published_at: str
    closed_at: str | None = None
    earlier: list[str] = []


class State(BaseModel):
    """A coupon's state: a ``draft``, ``published``, or ``closed``. ``coupon_id`` is LINE's;
    ``unpublished_changes``: the document is not what was published.
    """

    state: Literal["draft", "published", "closed"]
    coupon_id: str | None
    published_at: str | None
    closed_at: str | None
    unpublished_changes: bool


def made_of(body: Body) -> str:
    """What LINE makes of a document: another name for staff is no other coupon."""
    from chalicelib.catalog.snapshot import body_text
    from chalicelib.shared.ids import digest

    return digest(body_text({key: value for key, value in body.items() if key != "name"}))[:20]


def published(snapshot: Snapshot, coupon: str) -> Body | None:
    """What LINE has made of a coupon, closed or not; None: nothing yet."""
    document = snapshot.find(PUBLISHED, coupon)
    return document.body if document else None


def id_at_line(snapshot: Snapshot, coupon: str) -> str | Reason:
    """LINE's id of a coupon that may be sent, or why none may."""
    known = published(snapshot, coupon)
    if known is None:
        return Reason("coupon_unpublished", coupon=coupon)
    return Reason("coupon_is_closed", coupon=coupon) if known.get("closed_at") else str(known["coupon_id"])


def state(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    """A coupon's state, beside its document."""
    known = published(snapshot, id_) or {}
    status = "draft" if not known else "closed" if known.get("closed_at") else "published"
    is_other = known.get("made_of") != made_of(snapshot.get(KIND, id_).body)
    return State(
        state=status,
        coupon_id=known.get("coupon_id"),
        published_at=known.get("published_at"),
        closed_at=known.get("closed_at"),
        unpublished_changes=is_other,
    ).model_dump()


def _warn(id_: str, snapshot: Snapshot) -> Iterator[Detail]:
    now = state(id_, snapshot)
    if now["state"] == "published" and now["unpublished_changes"]:
        yield Detail("", Reason("coupon_stays_as_it_is"))


def _published_references(body: Body) -> Iterable[Reference]:
    """A coupon that may be used keeps its document."""
    return [] if body.get("closed_at") else [Reference("coupon", KIND, body["coupon"])]


DOCUMENTS: dict[str, DocumentKind] = {
    KIND: DocumentKind(
        KIND,
        Coupon,
        path_name="coupon",
        path_words=frozenset({AT_LINE}),
        warn=_warn,
        state_model=State,
        state=state,
    ),
    PUBLISHED: DocumentKind(PUBLISHED, PublishedCoupon, references=_published_references),
}
