"""The secret store: SSM Parameter Store, SecureString. Values never reach tables or logs."""

from __future__ import annotations

import json

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings


def put_line_credentials(account_id: str, credentials: dict[str, str]) -> None:
    """Keep ``{"channel_secret", "channel_access_token"}`` of an account."""
    aws.client("ssm").put_parameter(
        Name=settings().secret_name(account_id),
        Value=json.dumps(credentials),
        Type="SecureString",
        Overwrite=True,
    )


def find_line_credentials(account_id: str) -> dict[str, str] | None:
    """The credentials of an account, or None when there is no such account. One SSM call."""
    ssm = aws.client("ssm")
    try:
        answer = ssm.get_parameter(Name=settings().secret_name(account_id), WithDecryption=True)
    except ssm.exceptions.ParameterNotFound:
        return None
    values: dict[str, str] = json.loads(answer["Parameter"]["Value"])
    return values
