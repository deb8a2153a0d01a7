"""The document this room owns: pages, by the pattern of their addresses."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.shared.fields import Name


def _pattern(text: str) -> str:
    from chalicelib.site import patterns

    patterns.read(text)
    return text


class Page(BaseModel):
    """A page, or a group of pages, of the account's sites; a view of it is an event."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    pattern: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_pattern)]


DOCUMENTS: dict[str, DocumentKind] = {"pages": DocumentKind("pages", Page, path_name="page")}
