"""Uploads: files that a browser puts into the object store, to be imported."""

from __future__ import annotations

from typing import IO

from chalicelib.gateways import objects
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason


def open_upload(account: str, upload: str) -> IO[bytes]:
    """An uploaded file. Raises InvalidInput."""
    file = objects.open_file(upload_key(account, upload))
    if file is None:
        raise InvalidInput(Reason("nothing_uploaded", upload=upload))
    return file


def upload_key(account: str, upload: str) -> str:
    """Where an upload is kept."""
    return f"uploads/{account}/{upload}"
