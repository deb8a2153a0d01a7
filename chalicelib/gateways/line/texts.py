"""What LINE reports in words alone. This is the one place that reads them.

LINE answers an error with a status, a text, and sometimes the properties that are wrong. Texts may change
without notice, so whatever has a status or a property is read from that. Of the rest a text that is not known
any more is read as the milder thing: a monthly limit as the rate of calls (tried again later), a used reply
token or a wrong recipient as a refusal of the request.
https://developers.line.biz/en/reference/messaging-api/#error-responses
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_MONTHLY = "monthly limit"
"""429: ``You have reached your monthly limit.``; of the rate of calls LINE says something else."""
_TOKEN = "reply token"  # noqa: S105 (a text of LINE's)
"""400: ``Invalid reply token``."""
_TO_INDEX = re.compile(r"\bto\[(\d+)\]")
"""400 of a multicast: ``The property, to[1], in the request body is invalid``."""
_NOT_OURS = "failed to send messages"
"""400 of a push: the user id is another provider's, or nobody's."""
_TO = re.compile(r"property,? ['\"]?to['\"]?(?![\w\[])")


def is_monthly_limit(text: str) -> bool:
    """Whether a refusal is about the month's messages, not about the rate of calls."""
    return _MONTHLY in text.lower()


def is_reply_token(text: str) -> bool:
    """Whether a refusal is about the reply token."""
    return _TOKEN in text.lower()


def wrong_recipients(text: str, details: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """The places of recipients that a refused multicast names."""
    return tuple(sorted({int(n) for place in _places(text, details) for n in _TO_INDEX.findall(place)}))


def is_recipient(text: str, details: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a refused push is about its recipient."""
    return text.lower().startswith(_NOT_OURS) or any(_TO.search(place) for place in _places(text, details))


def names(field: str, text: str, details: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a refusal is about that field of what was sent."""
    return any(field in place for place in _places(text, details))


def _places(text: str, details: Iterable[Mapping[str, Any]]) -> list[str]:
    return [text, *(f"property {detail.get('property', '')}" for detail in details)]
