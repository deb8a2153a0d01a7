"""User ids: judged at every endpoint, so that two that look alike are one friend, or one of them is refused.

LINE's are ``U`` and 32 of ``0-9a-f``. Others are taken as they are (a shop's own tests use them), in NFC, as
long as everything in them can be seen and they can be kept. The webhook's Lambda starts with this.
"""

from __future__ import annotations

import re
import unicodedata

from chalicelib.shared.events import NOBODY
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.storable import unfit_name

LONGEST = 128
_LINES = re.compile(r"U[0-9a-f]{32}\Z")
_LIKE_LINES = re.compile(r"U[0-9a-f]{32}\Z", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
"""Control, format (zero width, direction of writing), half characters, spaces."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)
"""What Unicode has fonts show nothing for, and it is neither of these."""


class BadUserId(Reasoned, ValueError):
    """The text cannot be a user id."""


def is_line_user(user: str) -> bool:
    """Whether LINE may know a user id: one other among many has LINE refuse them all."""
    return _LINES.match(user) is not None


def user_id(text: str) -> str:
    """The user id of a text, in the form in which it is kept. Raises BadUserId."""
    if not 1 <= len(text) <= LONGEST:
        raise BadUserId(Reason("user_id_length", most=LONGEST))
    hidden = next((char for char in text if is_unseen(char)), None)
    if hidden is not None:
        raise BadUserId(Reason("user_id_unseen", char=f"U+{ord(hidden):04X}"))
    if _LIKE_LINES.match(text) and not _LINES.match(text):
        raise BadUserId(Reason("user_id_form"))
    composed = unicodedata.normalize("NFC", text)
    if len(composed) > LONGEST:
        raise BadUserId(Reason("user_id_length", most=LONGEST))
    if composed == NOBODY or unfit_name(composed):
        raise BadUserId(Reason("user_id_nobody", id=composed))
    return composed


def is_unseen(char: str) -> bool:
    """Whether a character of an id would not be seen."""
    return unicodedata.category(char) in _UNSEEN or _BLANK.match(char) is not None
