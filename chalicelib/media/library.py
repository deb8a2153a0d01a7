"""The files of an account as its staff look through them: the latest first, with what shows each of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.gateways import objects
from chalicelib.media import service
from chalicelib.shared.ids import ulid_time
from chalicelib.shared.times import iso

_KINDS = {"jpg": "image", "png": "image", "mp4": "video", "mp3": "audio", "m4a": "audio"}
_LARGEST_OF_MAP = "1040"


def page(
    account: str, kind: str | None, before: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Files older than ``before`` (an id), and the id from which the next page goes on, if there is one.

    ``{"id", "type", "url", "preview_url", "bytes", "at", "is_imagemap", "uses": [{"kind", "id", "name"}]}``.
    Every name in the account's folder is listed for it: ids are in the order of time, and the store's order
    cannot be turned round.
    """
    found = [one for one in _files(account) if kind is None or one["type"] == kind]
    older = [one for one in reversed(found) if before is None or one["id"] < before]
    shown, following = older[:limit], older[limit - 1]["id"] if len(older) > limit else None
    bodies = list(service.bodies(account)) if shown else []
    return [one | {"uses": _uses(account, one["id"], bodies)} for one in shown], following


def _files(account: str) -> Iterable[dict[str, Any]]:
    """Whatever is whole, in the order of ids."""
    files: dict[str, dict[str, int]] = {}
    for key, size in objects.sizes(f"media/{account}/"):
        _, _, media, name = key.split("/")
        files.setdefault(media, {})[name] = size
    for media, names in files.items():
        yield from _file(account, media, names)


def _file(account: str, media: str, names: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    name = next((name for name in names if name.startswith("original.")), "")
    is_imagemap = not name and _LARGEST_OF_MAP in names
    if not name and not is_imagemap:
        return  # kept or deleted halfway
    yield {
        "id": media,
        "type": "image" if is_imagemap else _KINDS[name.rpartition(".")[2]],
        "url": service.url_of(account, media, name),
        "preview_url": service.url_of(account, media, service.PREVIEW) if service.PREVIEW in names else None,
        "bytes": names[_LARGEST_OF_MAP if is_imagemap else name],
        "at": iso(ulid_time(media.upper())),
        "is_imagemap": is_imagemap,
    }


def _uses(account: str, media: str, bodies: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    found = []
    for path, body in bodies:
        if service.is_named(account, media, body):
            kind, _, id_ = path.partition("/")
            found.append({"kind": kind, "id": id_, "name": str(json.loads(body).get("name") or id_)})
    return found
