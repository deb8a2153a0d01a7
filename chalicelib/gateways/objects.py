"""The object store: S3, for uploads, exports and message content."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from chalicelib.gateways import aws, seam
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft

_IN_MEMORY = 4 << 20
_UPLOAD_S = 3600
_PART_BYTES = 8 << 20
"""S3 takes parts of at least 5 MB, and at most 10,000 of them."""


def put(
    key: str,
    body: bytes | IO[bytes],
    content_type: str,
    disposition: str | None = None,
    *,
    cache: str | None = None,
) -> None:
    """Keep an object; ``disposition``, ``cache``: the ``Content-Disposition`` and ``Cache-Control`` it is
    served with.
    """
    request: dict[str, Any] = {"Bucket": settings().bucket, "Key": key, "Body": body}
    if disposition is not None:
        request["ContentDisposition"] = disposition
    if cache is not None:
        request["CacheControl"] = cache
    aws.client("s3").put_object(**request, ContentType=content_type)


def delete(key: str) -> None:
    """Keep an object no longer; one that is not there is fine."""
    aws.client("s3").delete_object(Bucket=settings().bucket, Key=key)


def find(key: str) -> bytes | None:
    """The bytes of an object, or None."""
    s3 = aws.client("s3")
    try:
        body: bytes = s3.get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def open_file(key: str) -> IO[bytes] | None:
    """An object as a file of its own, on the disk when it is large; None when there is no such object."""
    s3 = aws.client("s3")
    try:
        body = s3.get_object(Bucket=settings().bucket, Key=key)["Body"]
    except s3.exceptions.NoSuchKey:
        return None
    file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (the caller closes it)
    shutil.copyfileobj(body, file)
    file.seek(0)
    return file


def read_from(key: str, byte: int) -> IO[bytes] | None:
    """An object from a byte on, as it comes; None when there is no such object."""
    s3 = aws.client("s3")
    try:
        found = s3.get_object(Bucket=settings().bucket, Key=key, Range=f"bytes={byte}-")
    except s3.exceptions.NoSuchKey:
        return None
    body: IO[bytes] = found["Body"]
    return body


def beginning(key: str, most: int) -> tuple[bytes, int] | None:
    """The first bytes of an object, ``most`` at most, and how large it is; None when there is none."""
    s3 = aws.client("s3")
    try:
        found = s3.get_object(Bucket=settings().bucket, Key=key, Range=f"bytes=0-{most - 1}")
    except s3.exceptions.NoSuchKey:
        return None
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":  # it is empty
            return b"", 0
        raise
    body: bytes = found["Body"].read()
    return body, int(found.get("ContentRange", f"/{len(body)}").rpartition("/")[2])


def copy(source: str, key: str) -> bool:
    """Keep an object under another name too; False when it is not there."""
    s3 = aws.client("s3")
    try:
        s3.copy_object(
            Bucket=settings().bucket, Key=key, CopySource={"Bucket": settings().bucket, "Key": source}
        )
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return False
        raise
    return True


def holds(key: str, text: str) -> bool:
    """Whether an object has a text somewhere in it, in UTF-8 or UTF-16. One that is not there has not."""
    file = open_file(key)
    if file is None:
        return False
    wanted = [text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    longest, seen = max(map(len, wanted)), b""
    with file:
        while block := file.read(_IN_MEMORY):
            seen = seen[-longest:] + block
            if any(one in seen for one in wanted):
                return True
    return False


def exists(key: str) -> bool:
    """Whether there is such an object."""
    return any(found == key for found in keys(key))


def keys(prefix: str) -> Iterator[str]:
    """The names of all objects that begin like this."""
    return (key for key, _ in sizes(prefix))


def sizes(prefix: str) -> Iterator[tuple[str, int]]:
    """The names of all objects that begin like this, in their order, and how many bytes each has."""
    pages = aws.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=settings().bucket, Prefix=prefix):
        yield from ((entry["Key"], int(entry["Size"])) for entry in page.get("Contents", []))


@dataclass(frozen=True)
class Joining:
    """How far an object is put together: the upload, its blocks so far, the part and the byte in it to go on
    from.
    """

    upload: str
    blocks: list[str]
    part: int
    at: int


def join(
    key: str,
    head: bytes,
    parts: Sequence[str],
    content_type: str,
    left: TimeLeft = NO_LIMIT,
    since: Joining | None = None,
) -> bool | Joining:
    """Put an object together from bytes and other objects, with no more than a few MB of it in memory.

    False, and nothing is kept, when one of the parts is not there. When the time is over first: where to go
    on.
    """
    s3, target = aws.client("s3"), {"Bucket": settings().bucket, "Key": key}
    if since is None:
        upload = s3.create_multipart_upload(**target, ContentType=content_type)["UploadId"]
        since = Joining(upload, [], 0, 0)
    done, begun = list(since.blocks), len(since.blocks)
    named = {**target, "UploadId": since.upload}
    try:
        for block, part, at in _blocks(b"" if begun else head, parts, since.part, since.at):
            answer = s3.upload_part(**named, PartNumber=len(done) + 1, Body=block)
            done.append(answer["ETag"])
            if left.is_over and part < len(parts):
                return Joining(since.upload, done, part, at)
        every = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(done, 1)]
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": every})
    except BaseException as error:
        s3.abort_multipart_upload(**named)
        if isinstance(error, s3.exceptions.NoSuchKey):
            return False
        raise
    return True


def _blocks(head: bytes, parts: Sequence[str], first: int, since: int) -> Iterator[tuple[bytes, int, int]]:
    """The bytes in blocks that S3 takes as parts of an upload, each with the part and the byte in it that
    come next; the last block, of any size, always comes.
    """
    waiting = head
    for number in range(first, len(parts)):
        at = since if number == first else 0
        begin = {"Range": f"bytes={at}-"} if at else {}
        found = aws.client("s3").get_object(Bucket=settings().bucket, Key=parts[number], **begin)
        body, size = found["Body"], at + int(found["ContentLength"])
        while block := body.read(_PART_BYTES):
            waiting, at = waiting + block, at + len(block)
            if len(waiting) >= _PART_BYTES:
                yield (waiting, number, at) if at < size else (waiting, number + 1, 0)
                waiting = b""
    yield waiting, len(parts), 0


def upload_url(key: str) -> str:
    """A presigned PUT URL for an object."""
    request = {"Bucket": settings().bucket, "Key": key}
    url: str = seam.cross(
        "s3:signed:PutObject",
        request,
        lambda: aws.client("s3").generate_presigned_url("put_object", Params=request, ExpiresIn=_UPLOAD_S),
    )
    return url


def download_url(
    key: str, expires_s: int = 3600, *, content_type: str | None = None, disposition: str | None = None
) -> Any:
    """A presigned GET URL for an object; type and disposition, if given, whatever it was kept with."""
    request = {"Bucket": settings().bucket, "Key": key}
    if content_type is not None:
        request["ResponseContentType"] = content_type
    if disposition is not None:
        request["ResponseContentDisposition"] = disposition
    return seam.cross(
        "s3:signed:GetObject",
        request,
        lambda: aws.client("s3").generate_presigned_url("get_object", Params=request, ExpiresIn=expires_s),
    )
