"""AWS's signature of a POST of JSON to ``/``, version 4. The oracle of its tests is botocore's signer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hmac
import time
from hashlib import sha256
from typing import Protocol


class Credentials(Protocol):
    """As botocore freezes them."""

    access_key: str
    secret_key: str
    token: str | None


def headers(
    credentials: Credentials, service: str, region: str, host: str, own: dict[str, str], body: bytes
) -> dict[str, str]:
    """``own`` headers with the timestamp, the token and the signature of all of them and the host."""
    # The real time, past every simulated clock: AWS refuses any other.
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    signed = {**own, "X-Amz-Date": timestamp}
    if credentials.token:
        signed["X-Amz-Security-Token"] = credentials.token
    by_name = sorted({"host": host, **{name.lower(): value for name, value in signed.items()}}.items())
    names = ";".join(name for name, _ in by_name)
    lines = "".join(f"{name}:{value}\n" for name, value in by_name)
    request = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = _key(credentials.secret_key, timestamp[:8], region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = (
        f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return {**signed, "Authorization": f"AWS4-HMAC-SHA256 {authorization}"}


@functools.lru_cache(maxsize=16)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
