"""Let go of files that are old and that nothing shows any more.

Once a day for each account. Ids are in the order of time, so that the oldest come first: with nothing old it
is one request.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.gateways import objects
from chalicelib.media import service
from chalicelib.shared.ids import ulid_time
from chalicelib.shared.settings import settings


def tidy(account: str, now: datetime) -> int:
    """Delete the files older than ``media_days`` that no document, and no broadcast since, names.

    Answers how many. Safe to repeat, to run twice at once and to be cut off anywhere.
    """
    if settings().media_days == 0:
        return 0
    oldest = now - timedelta(days=settings().media_days)
    old: list[str] = []
    for key in objects.keys(f"media/{account}/"):
        media = key.split("/")[2]
        if ulid_time(media.upper()) >= oldest:
            break
        old.append(media)
    if not old:
        return 0
    named = "".join(body for _, body in service.bodies(account, since=oldest))
    gone = [media for media in dict.fromkeys(old) if not service.is_named(account, media, named)]
    for media in gone:
        service.forget(account, media)
    return len(gone)
