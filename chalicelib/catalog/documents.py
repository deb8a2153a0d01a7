"""The documents that no other room owns yet: links, rich menus, policies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts.policies import Policies
from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, Name


def _web_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a full http:// or https:// URL")
    if any(ord(char) <= 32 or ord(char) == 127 for char in text):
        raise ValueError("must hold no spaces or control characters")
    return text


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Link(_Document):
    """A registered URL: tracked links lead there and nowhere else."""

    url: Annotated[str, Field(max_length=1000), AfterValidator(_web_url)]
    name: Name | None = None
    tags: list[Id] = Field(default=[], max_length=50)


class RichMenu(_Document):
    """A rich menu: LINE's own object, or the id of one that LINE keeps already."""

    name: Name
    rich_menu_id: Annotated[str, Field(pattern=r"^richmenu-[0-9a-zA-Z-]{1,64}$")] | None = None
    rich_menu: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> RichMenu:
        if self.rich_menu_id is not None and self.rich_menu is not None:
            raise ValueError("give rich_menu_id or rich_menu, not both")
        return self


def _link_references(body: Body) -> Iterable[Reference]:
    return [Reference(f"tags[{n}]", "tags", tag) for n, tag in enumerate(body.get("tags", []))]


def _only_default(id_: str, _body: Body, _snapshot: object) -> Iterable[Detail]:
    if id_ != "default":
        yield Detail("id", "an account has one policies document: its id is default")


KINDS: dict[str, DocumentKind] = {
    "links": DocumentKind("links", Link, references=_link_references),
    "rich-menus": DocumentKind("rich-menus", RichMenu),
    "policies": DocumentKind("policies", Policies, check=_only_default),
}
