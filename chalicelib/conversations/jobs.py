"""What conversations leave for later: what LINE keeps is fetched, what was unsent is forgotten."""

from __future__ import annotations

from chalicelib.jobs import kinds
from chalicelib.jobs.kinds import Body, JobKind


def _content(body: Body, _received: int) -> None:
    """Fetch a picture, video, sound or file. LINE may still be preparing it: again, later and later."""
    from chalicelib.conversations import contents
    from chalicelib.gateways import line

    try:
        settled = contents.fetch(body["account"], body["user"], body["message_id"], body["kind"])
    except line.NoAnswer:
        settled = False
    if not settled:
        kinds.retry_later(body, f"LINE does not give the content of message {body['message_id']}")


def _forget_content(body: Body, _received: int) -> None:
    """What was unsent is not kept."""
    from chalicelib.conversations import contents

    contents.forget(body["account"], body["user"], body["message_id"])


def _hide_overheard(body: Body, _received: int) -> None:
    """A message in a group or room, or an edit, that was being worked on when the unsending came."""
    from chalicelib.conversations import overheard

    overheard.take_back(body["account"], body["chat"], body["message_id"], body["at"])


JOBS: dict[str, JobKind] = {
    "content": JobKind(_content, attempts=12),
    "forget_content": JobKind(_forget_content),
    "hide_overheard": JobKind(_hide_overheard),
}
