"""Files that friends choose on a page: what they are by their bytes, whether they fit, where they are kept.

A form comes back as one request, and on AWS a function takes 6 MB of it with a file in base64: so a file has
4 MB at most, on a laptop too. What its name and its browser say of it is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.conversations import contents
from chalicelib.events.contents import ContentKind
from chalicelib.forms.model import Question
from chalicelib.http.multipart import Part
from chalicelib.media import kinds
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason

MOST_BYTES = 4 << 20
MOST_OF_A_REQUEST = 12 << 20
"""So much is read, so that whoever sends too large a file reads which."""
_TOO_LARGE = Reason("field_file_large", most=MOST_BYTES >> 20)
_SIGNATURES: Sequence[tuple[Callable[[bytes], bool], ContentKind, str]] = (
    (lambda data: data[:6] in {b"GIF87a", b"GIF89a"}, "image", "image/gif"),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", "image", "image/webp"),
    (lambda data: data[4:12] == b"ftypqt  ", "video", "video/quicktime"),
    (lambda data: data[:4] == b"OggS", "audio", "audio/ogg"),
)
"""Besides what messages can show (``media/kinds.py``)."""
_KIND_NAMES: Mapping[str, Reason] = {
    "image": Reason("page_form_file_image"),
    "video": Reason("page_form_file_video"),
    "audio": Reason("page_form_file_audio"),
    "file": Reason("page_form_file_anything"),
}


def recognise(data: bytes) -> tuple[ContentKind, str]:
    """What a file is, and its type; whatever is none of these is a file to save."""
    for fits, kind, content_type in _SIGNATURES:
        if fits(data):
            return kind, content_type
    known = kinds.recognise(data)
    return (known.kind, known.content_type) if known else ("file", "application/octet-stream")


def field(question: Question, kept: str) -> Mapping[str, Any]:
    """What the page of a question for a file says: what it takes, and what is ``kept`` of before."""
    taken = ["file"] if question.takes("file") else question.accept
    types = sorted(one for kind in taken for one in contents.SHOWN.get(kind, ()))
    return {
        "accept": ",".join(types),
        "kinds": [_KIND_NAMES[kind] for kind in taken],
        "limit": Reason("page_form_file", most=MOST_BYTES >> 20),
        "large": _TOO_LARGE,
        "most": MOST_BYTES,
        "kept": kept,
    }


def read(question: Question, part: Part | None, before: Any, *, leave: bool) -> Reason | None:
    """What is wrong with a file as the answer; without one that of ``before`` stays, unless it is left."""
    if part is None:
        stays = before is not None and not leave
        return Reason("field_file_needed") if question.required and not stays else None
    if len(part.data) > MOST_BYTES:
        return _TOO_LARGE
    return None if question.takes(recognise(part.data)[0]) else Reason("field_file_kind")


def keep(account: str, user: str, part: Part) -> str:
    """Keep a file; returns its id."""
    content, (kind, content_type) = f"form-{new_ulid().lower()}", recognise(part.data)
    contents.keep(account, user, content, kind, content_type, part.data, part.filename or "")
    return content


def drop(account: str, user: str, content: Any) -> None:
    """Keep a file no longer that is no answer any more."""
    contents.drop(account, user, str(content))


def name_of(account: str, user: str, content: Any) -> str:
    """What a file that was sent before is called."""
    record = contents.find_many(account, user, [str(content)]).get(str(content)) or {}
    return str(record.get("name") or content)
