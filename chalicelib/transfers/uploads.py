"""Files as they come: in the body of a request, or put into the object store before, by a browser."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO

from chalicelib.gateways import objects
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason

AT_ONCE = 4 << 20
"""Of larger files a request reads no more than the beginning; the rest is a job's."""


@dataclass(frozen=True)
class Source:
    """A file: all of its bytes or, of a large ``upload``, so many of the first."""

    head: bytes
    size: int
    upload: str | None = None

    @property
    def is_large(self) -> bool:
        """Whether ``head`` is only its beginning."""
        return self.size > len(self.head)


def inline(body: bytes) -> Source:
    """A file that came whole."""
    return Source(body, len(body))


def find(account: str, upload: str) -> Source:
    """An uploaded file. Raises InvalidInput."""
    found = objects.beginning(upload_key(account, upload), AT_ONCE)
    if found is None:
        raise InvalidInput(Reason("nothing_uploaded", upload=upload))
    return Source(*found, upload)


def open_upload(account: str, upload: str) -> IO[bytes]:
    """An uploaded file, all of it. Raises InvalidInput."""
    file = objects.open_file(upload_key(account, upload))
    if file is None:
        raise InvalidInput(Reason("nothing_uploaded", upload=upload))
    return file


def whole(source: Source) -> io.BytesIO:
    """The file of a source that is not large."""
    return io.BytesIO(source.head)


def upload_key(account: str, upload: str) -> str:
    """Where an upload is kept."""
    return f"uploads/{account}/{upload}"
