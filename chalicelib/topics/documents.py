"""The document this room owns: topics."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import DocumentKind
from chalicelib.shared.fields import Name


class Topic(BaseModel):
    """Something that friends may switch off; ``default``: where they are until they say something."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    default: Literal["in", "out"] = "in"


DOCUMENTS: dict[str, DocumentKind] = {"topics": DocumentKind("topics", Topic, path_name="topic")}
