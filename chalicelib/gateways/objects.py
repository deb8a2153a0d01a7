"""The object store: S3, for uploads, exports and message content."""

from __future__ import annotations

from typing import IO, Any

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings


def put(key: str, body: bytes | IO[bytes], content_type: str, disposition: str | None = None) -> None:
    """Keep an object; ``disposition``: the ``Content-Disposition`` it is served with."""
    request: dict[str, Any] = {"Bucket": settings().bucket, "Key": key, "Body": body}
    if disposition is not None:
        request["ContentDisposition"] = disposition
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


def upload_url(key: str, expires_s: int = 3600) -> str:
    """A presigned PUT URL for an object."""
    url: str = aws.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": settings().bucket, "Key": key}, ExpiresIn=expires_s
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
    return aws.client("s3").generate_presigned_url("get_object", Params=request, ExpiresIn=expires_s)
