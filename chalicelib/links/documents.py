"""The document this room owns: links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.shared.fields import Id, Name
from chalicelib.shared.origins import normal
from chalicelib.shared.settings import settings


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

    url: Annotated[str, Field(max_length=1000), AfterValidator(_web_url)]
    name: Name | None = None
    tags: list[Id] = Field(default=[], max_length=50)
    utm: Utm | None = None


def _link_references(body: Body) -> Iterable[Reference]:
    return [Reference(f"tags[{n}]", "tags", tag) for n, tag in enumerate(body.get("tags", []))]


DOCUMENTS: dict[str, DocumentKind] = {
    "links": DocumentKind(
        "links",
        Link,
        path_name="link",
        references=_link_references,
    )
}
