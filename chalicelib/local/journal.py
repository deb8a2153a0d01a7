"""What moto would forget and AWS would keep: objects, journaled as they are written.

A thin layer around moto's WSGI application. A write is in the journal, one file per object, before it is
answered; at start everything is put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""Moto reads such a body as fields and keeps an empty object. To S3 the body of a PUT is a file, whatever it
is called, and urllib calls each body a form unless a header says otherwise.
"""
_KEPT_HEADERS = ("content-type", "content-encoding", "content-disposition", "cache-control")


def write_atomically(path: Path, data: bytes) -> None:
    """The whole file or the one before it, never a part, whoever is killed; for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    part.replace(path)


def call(app: Wsgi, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
    """Run a WSGI application to its end: status, headers, body."""
    seen: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        seen[:] = [status, headers]
        return written.append

    result = app(environ, start_response)
    try:
        body = b"".join([*written, *result])
    finally:
        if hasattr(result, "close"):
            result.close()
    return int(seen[0].split()[0]), seen[1], body


def environ_of(method: str, target: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """A WSGI environment for a request, as moto's own server would make it."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            is_form = method == "PUT" and value.lower().startswith(_FORMS)
            environ[key] = "application/octet-stream" if is_form else value
        elif key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            environ[f"HTTP_{key}"] = value
    environ.setdefault("HTTP_HOST", "127.0.0.1")
    return environ


def _signed(service: str, region: str) -> dict[str, str]:
    scope = f"local/20260101/{region}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


class Objects:
    """S3 objects as files: a line of JSON (bucket, key, headers), then the bytes."""

    def __init__(self, folder: Path, app: Wsgi, region: str) -> None:
        self._folder = folder
        self._app = app
        self._region = region

    def restore(self) -> None:
        """Put every object back, making its bucket first."""
        buckets: set[str] = set()
        for path in sorted(self._folder.glob("*.object")):
            with path.open("rb") as file:
                header, data = json.loads(file.readline()), file.read()
            if header["bucket"] not in buckets:
                buckets.add(header["bucket"])
                where = f"<LocationConstraint>{self._region}</LocationConstraint>"
                self._call(
                    "PUT",
                    f"/{header['bucket']}",
                    {},
                    f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>".encode(),
                )
            self._call("PUT", self._target(header["bucket"], header["key"]), header["headers"], data)

    def mirror(self, bucket: str, key: str) -> None:
        """Make the file of an object say what moto now holds."""
        name = hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()
        path = self._folder / f"{name}.object"
        status, headers, data = self._call("GET", self._target(bucket, key), {}, b"")
        if status != 200:
            path.unlink(missing_ok=True)
            return
        kept = {
            name: value
            for name, value in headers
            if name.lower() in _KEPT_HEADERS or name.lower().startswith("x-amz-meta-")
        }
        header = json.dumps({"bucket": bucket, "key": key, "headers": kept})
        write_atomically(path, header.encode() + b"\n" + data)

    def done(self, method: str, target: str, body: bytes) -> None:
        """Keep what an S3 request that succeeded has changed."""
        path, _, query = target.partition("?")
        bucket, _, key = urllib.parse.unquote(path).lstrip("/").partition("/")
        if key and method in {"PUT", "POST", "DELETE"}:
            self.mirror(bucket, key)
        elif method == "POST" and "delete" in urllib.parse.parse_qs(query, keep_blank_values=True):
            for found in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                self.mirror(bucket, _unescape(found))

    def _target(self, bucket: str, key: str) -> str:
        return f"/{bucket}/{urllib.parse.quote(key)}"

    def _call(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        return call(self._app, environ_of(method, target, {**_signed("s3", self._region), **headers}, body))


def _unescape(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#13;", "\r"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


class Journal:
    """Passes requests on to moto and keeps what must survive."""

    def __init__(self, folder: Path, app: Wsgi, region: str) -> None:
        self._app = app
        self._objects = Objects(folder / "objects", app, region)
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Put back what an earlier run kept."""
        self._objects.restore()

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Moto's answer to a request."""
        environ = environ_of(method, target, headers, body)
        answer = call(self._app, environ)
        others = "HTTP_X_AMZ_TARGET" in environ or target.startswith("/moto-api")
        if 200 <= answer[0] < 300 and not others:
            with self._lock, contextlib.suppress(UnicodeDecodeError):
                self._objects.done(method, target, body)
        return answer
