"""The document this room owns: links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.fields import Id, Name
from chalicelib.shared.origins import normal
from chalicelib.shared.settings import settings

LONGEST_URL = 1000


def _web_url(text: str) -> str:
    return normal(text, on_laptop=settings().is_local)


UtmValue = Annotated[str, Field(min_length=1, max_length=200)]


class Utm(BaseModel):
    """What the site's own analytics shall know of a click: added to the URL as ``utm_source`` and so on,
    unless the URL has that parameter itself.
    """

    model_config = ConfigDict(extra="forbid")

    source: UtmValue | None = None
    medium: UtmValue | None = None
    campaign: UtmValue | None = None


class Link(BaseModel):
    """A registered URL: tracked links lead there and nowhere else."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    url: Annotated[str, Field(max_length=LONGEST_URL), AfterValidator(_web_url)]
    name: Name | None = None
    tags: list[Id] = Field(default=[], max_length=50)
    utm: Utm | None = None


class Addresses(BaseModel):
    """Where a link is opened: ``address`` by anybody, whose click then is nobody's (null: nobody has said
    where this installation is reached); ``liff_address`` inside LINE, which says who (null: no LIFF app).
    """

    address: str | None
    liff_address: str | None


def _addresses(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    from chalicelib.accounts.service import find_account
    from chalicelib.links import liff_addresses, service

    account = find_account(snapshot.account_id)
    app = liff_addresses.ForEverybody(account.liff_id) if account is not None and account.liff_id else None
    liff = liff_addresses.of_link(snapshot, id_, app) if app is not None else None
    try:
        address = service.url_for(snapshot, id_)
    except Unavailable:
        address = None
    return Addresses(address=address, liff_address=liff).model_dump()


def _link_references(body: Body) -> Iterable[Reference]:
    return [Reference(f"tags[{n}]", "tags", tag) for n, tag in enumerate(body.get("tags", []))]


DOCUMENTS: dict[str, DocumentKind] = {
    "links": DocumentKind(
        "links",
        Link,
        path_name="link",
        references=_link_references,
        state_model=Addresses,
        state=_addresses,
    )
}
