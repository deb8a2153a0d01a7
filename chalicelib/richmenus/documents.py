"""The document this room owns: rich menus."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.shared.fields import Name
from chalicelib.shared.reasons import Reason


class RichMenu(BaseModel):
    """A rich menu: LINE's own object, or the id of one that LINE keeps already."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Name
    rich_menu_id: Annotated[str, Field(pattern=r"^richmenu-[0-9a-zA-Z-]{1,64}$")] | None = None
    rich_menu: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> RichMenu:
        if self.rich_menu_id is not None and self.rich_menu is not None:
            raise ValueError(Reason("rich_menu_twice"))
        return self


DOCUMENTS: dict[str, DocumentKind] = {"rich-menus": DocumentKind("rich-menus", RichMenu, path_name="menu")}
