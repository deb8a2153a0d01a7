"""Tools that write drafts: what a person looks at, and then sends, publishes or enables in the console."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from chalicelib.mcp.reading import Document
from chalicelib.mcp.todoku import Refused, Todoku, element

Revision = Annotated[
    int | None,
    Field(description="To replace a draft: the revision that was read. Without it the id must be new."),
]
_STATES = {"draft"}


class NotADraft(ToolError):
    """There is something under this id that a draft must not replace."""


class Drafting:
    """Each tool answers the saved document, with its warnings; nothing of it reaches anybody."""

    def __init__(self, todoku: Todoku) -> None:
        self._todoku = todoku

    def draft_broadcast(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a broadcast: {name, audience, message | messages | variants, …}. A person sends it."""
        found = self._existing("broadcasts", id, revision)
        if found is not None and found["status"] not in _STATES:
            raise NotADraft(f"The broadcast {id} is {found['status']}: draft another one under a new id.")
        return self._put("broadcasts", id, document, revision)

    def draft_scenario(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a scenario's draft. What is published stays in force until a person publishes the draft."""
        self._existing("scenarios", id, revision)
        return self._put("scenarios", id, document, revision)

    def draft_rule(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a rule, switched off. A person enables it."""
        return self._put_disabled("rules", id, document, revision)

    def draft_schedule(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a schedule, switched off. A person enables it."""
        return self._put_disabled("schedules", id, document, revision)

    def draft_segment(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a segment: {name, condition}. Refused where it is in force."""
        self._existing("segments", id, revision)
        return self._put("segments", id, document, revision)

    def draft_message(self, id: str, document: Document, revision: Revision = None) -> Document:
        """Write a message: {name, category, messages: [1-5 LINE objects]}. Refused where it is in force."""
        self._existing("messages", id, revision)
        return self._put("messages", id, document, revision)

    def _put_disabled(self, kind: str, name: str, document: Document, revision: int | None) -> Document:
        found = self._existing(kind, name, revision)
        if found is not None and found.get("enabled", True):
            raise NotADraft(f"{kind}/{name} is in force: draft the change under a new id.")
        return self._put(kind, name, document | {"enabled": False}, revision)

    def _existing(self, kind: str, name: str, revision: int | None) -> Any:
        """What an id names. Raises NotADraft for something that the caller has not seen."""
        try:
            found = self._todoku.of_account("GET", f"/{kind}/{element(name)}")
        except Refused as refused:
            if refused.status == 404 and revision is None:
                return None
            raise
        if revision is None:
            raise NotADraft(f"There is a {kind}/{name} already, revision {found['revision']}: read it first.")
        return found

    def _put(self, kind: str, name: str, document: Document, revision: int | None) -> Document:
        saved: Document = self._todoku.of_account(
            "PUT", f"/{kind}/{element(name)}", document, revision=revision
        )
        return saved
