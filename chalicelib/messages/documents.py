"""The catalog's kind ``messages``: its shape, what it refers to, and what LINE would refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.service import Snapshot
from chalicelib.links.documents import Utm
from chalicelib.messages import checks, tracking, variables
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, LongName, Name


class TrackUtm(BaseModel):
    """Tracked, and what the site's own analytics shall know of a click."""

    model_config = ConfigDict(extra="forbid")

    utm: Utm


Track = bool | TrackUtm
"""Whether plain web addresses in a message are tracked: as links of their own, made when it is saved."""


class MessageDocument(BaseModel):
    """A message: one to five raw LINE message objects that are sent together."""

    model_config = ConfigDict(extra="forbid")

    name: LongName
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=5)
    category: Literal["marketing", "transactional"] = "marketing"
    topic: Id | None = None
    """What a friend may switch off, and then does not get this."""
    track: Track | None = None
    repeats: bool | None = None
    """Whether a friend may be sent this again at once: the brake lets the same content pass."""
    links: Literal["push"] | None = None
    """``push``: each friend has links of their own, also where many could get the same through LIFF."""
    folder: Name | None = None
    """Where staff keep it."""


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """The attributes, scores, tags and links that its variables name, and its topic."""
    yield from variables.references(body["messages"])
    yield from (Reference(path, "links", id_) for path, id_ in tracking.named(body))
    if body.get("topic"):
        yield Reference("topic", "topics", body["topic"])


def shape(body: dict[str, Any]) -> Iterable[Detail]:
    """What LINE's rules refuse in the parts that are the same for every friend."""
    return checks.check_shape(body["messages"])


def check(_id: str, body: dict[str, Any], _snapshot: Snapshot) -> Iterable[Detail]:
    """Templates that cannot be read, names and filters that do not exist, texts too long even unfilled."""
    yield from checks.check_templates(body["messages"])


def warn(id_: str, snapshot: Snapshot) -> Iterable[Detail]:
    """What a preview would warn of, each with its path."""
    body = tracking.tracked(snapshot.get("messages", id_).body)
    return checks.warnings(body["messages"], snapshot)


def companions(body: dict[str, Any]) -> Iterable[tuple[str, str, dict[str, Any]]]:
    """The links of addresses that are tracked."""
    return (("links", id_, link) for id_, link in tracking.links(body).items())


DOCUMENTS: dict[str, DocumentKind] = {
    "messages": DocumentKind(
        kind="messages",
        model=MessageDocument,
        path_name="message",
        references=references,
        path_words=frozenset({"preview"}),
        check=check,
        shape=shape,
        warn=warn,
        companions=companions,
    )
}
