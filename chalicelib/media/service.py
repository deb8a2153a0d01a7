"""Keep a file for messages, and let it go again.

Under ``media/<account>/<id>/``: the file as it came (``original.<suffix>``) and ``preview.jpg``; of an image
map's picture one file for each of LINE's widths, named by it alone (``1040``). The id is a ULID in small
letters: nobody guesses it, and it shows when the file came. The preview is kept first: no file is there
without one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from chalicelib.broadcasts import listing
from chalicelib.catalog import service as catalog
from chalicelib.gateways import objects
from chalicelib.media import kinds, pictures
from chalicelib.media.kinds import Facts
from chalicelib.shared.errors import Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

CACHED = "public, max-age=86400, immutable"
"""A file never changes under its address; a deleted one is gone from caches within a day."""
PREVIEW = "preview.jpg"


def keep(
    account: str, data: bytes, *, preview: str | None = None, as_imagemap: bool = False
) -> dict[str, Any]:
    """Keep a file. ``preview``: the id of a picture that stands for a video.

    Answers ``{"id", "type": "image"|"video"|"audio", "url", "preview_url", "width", "height",
    "duration_ms", "bytes"}``, null what the kind has not. Raises InvalidInput with what LINE, or we, do not
    take.
    """
    facts = kinds.recognise(data)
    if facts is None:
        raise InvalidInput(Reason("media_unknown"))
    try:
        return _keep(account, data, facts, preview, as_imagemap)
    except pictures.Unreadable as error:
        raise InvalidInput(Reason("media_broken")) from error
    except pictures.TooManyPixels as error:
        raise InvalidInput(Reason("media_pixels", has=error.has, most=error.most)) from error


def _keep(account: str, data: bytes, facts: Facts, preview: str | None, as_imagemap: bool) -> dict[str, Any]:
    if preview is not None and facts.kind != "video":
        raise InvalidInput.at("preview", Reason("media_preview_of_video"))
    if as_imagemap and facts.kind != "image":
        raise InvalidInput.at("as", Reason("media_imagemap_picture"))
    media = new_ulid().lower()
    width, height = facts.width, facts.height
    files: dict[str, tuple[bytes, str]] = {}
    if facts.kind == "image":
        width, height = pictures.size_of(data)
        files[PREVIEW] = pictures.preview_of(data), "image/jpeg"
    elif facts.kind == "video":
        shown = _preview_of(account, preview) if preview else pictures.placeholder(width or 16, height or 9)
        files[PREVIEW] = shown, "image/jpeg"
    name = f"original.{facts.suffix}"
    if as_imagemap:
        least = pictures.IMAGEMAP_WIDTHS[0]
        if (width or 0) < least:
            raise InvalidInput(Reason("media_imagemap_width", has=width or 0, least=least))
        files |= {str(n): (made, "image/jpeg") for n, made in pictures.for_imagemap(data).items()}
    else:
        files[name] = data, facts.content_type
    for file, (body, content_type) in files.items():
        objects.put(_key(account, media, file), body, content_type, cache=CACHED)
    return {
        "id": media,
        "type": facts.kind,
        "url": url_of(account, media, "" if as_imagemap else name),
        "preview_url": url_of(account, media, PREVIEW) if PREVIEW in files else None,
        "width": width,
        "height": height,
        "duration_ms": facts.duration_ms,
        "bytes": len(data),
    }


def delete(account: str, media: str) -> None:
    """Delete a file. Raises NotFound, and RuleViolation naming the messages that show it."""
    shown = [Detail(path, Reason("media_shown")) for path in _naming(account, media)]
    if shown:
        raise RuleViolation.of(shown)
    if not forget(account, media):
        raise NotFound(Reason("no_media", media=media))


def forget(account: str, media: str) -> bool:
    """Delete the files of an id, whatever names them; False when there are none."""
    found = list(objects.keys(_key(account, media, "")))
    for key in found:
        objects.delete(key)
    return bool(found)


def _naming(account: str, media: str) -> Iterator[str]:
    """What names a file in force or may still go out: ``messages/welcome``, ``broadcasts/spring``."""
    for path, body in bodies(account):
        if is_named(account, media, body):
            yield path


def is_named(account: str, media: str, body: str) -> bool:
    """Whether the JSON of a document shows a file, by its address or, as rich menus do, by its id."""
    return f"/{_key(account, media, '')}".rstrip("/") in body or f'"image": "{media}"' in body


def bodies(account: str, since: datetime | None = None) -> Iterator[tuple[str, str]]:
    """Every document in force and every broadcast, as ``kind/id`` and the text of its JSON; of broadcasts
    that are over only those since a moment.
    """
    for document in catalog.snapshot(account):
        yield f"{document.kind}/{document.id}", json.dumps(document.body)
    for broadcast, body in listing.bodies(account, since):
        yield f"broadcasts/{broadcast}", json.dumps(body)


def _preview_of(account: str, media: str) -> bytes:
    found = objects.find(_key(account, media, PREVIEW))
    if found is None:
        raise InvalidInput.at("preview", Reason("no_media", media=media))
    return found


def _key(account: str, media: str, file: str) -> str:
    return f"media/{account}/{media}/{file}"


def preview_url(account: str, media: str) -> str:
    """Where the small picture of a file is."""
    return url_of(account, media, PREVIEW)


def url_of(account: str, media: str, file: str) -> str:
    """The address of a file; an empty name is that of an image map."""
    return f"{settings().media_origin}/{_key(account, media, file)}".rstrip("/")
