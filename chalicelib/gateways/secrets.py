"""The secret store: SSM Parameter Store, SecureString. Values never reach tables or logs."""

from __future__ import annotations

import json

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings


def put_secret(account_id: str, name: str, value: str) -> None:
    """Keep a secret of an account's documents under a name that is used once."""
    aws.client("ssm").put_parameter(
        Name=_secret_path(account_id, name), Value=value, Type="SecureString", Overwrite=True
    )


def find_secret(account_id: str, name: str) -> str | None:
    """A secret of an account's documents, or None."""
    ssm = aws.client("ssm")
    try:
        answer = ssm.get_parameter(Name=_secret_path(account_id, name), WithDecryption=True)
    except ssm.exceptions.ParameterNotFound:
        return None
    value: str = answer["Parameter"]["Value"]
    return value


def delete_secret(account_id: str, name: str) -> None:
    """Keep a secret no longer; one that is not there is fine."""
    ssm = aws.client("ssm")
    try:
        ssm.delete_parameter(Name=_secret_path(account_id, name))
    except ssm.exceptions.ParameterNotFound:
        return


def _secret_path(account_id: str, name: str) -> str:
    return f"/todoku/{settings().stage}/{account_id}/secrets/{name}"


def put_line_credentials(account_id: str, credentials: dict[str, str]) -> None:
    """Keep ``{"channel_secret", "channel_access_token"}`` of an account."""
    aws.client("ssm").put_parameter(
        Name=settings().secret_name(account_id),
        Value=json.dumps(credentials),
        Type="SecureString",
        Overwrite=True,
    )


def create_line_credentials(account_id: str, credentials: dict[str, str]) -> bool:
    """Keep the credentials of an account that has none; False when it has some, which stay as they are."""
    ssm = aws.client("ssm")
    try:
        ssm.put_parameter(
            Name=settings().secret_name(account_id), Value=json.dumps(credentials), Type="SecureString"
        )
    except ssm.exceptions.ParameterAlreadyExists:
        return False
    return True


def find_line_credentials(account_id: str) -> dict[str, str] | None:
    """The credentials of an account, or None when there is no such account. One SSM call."""
    ssm = aws.client("ssm")
    try:
        answer = ssm.get_parameter(Name=settings().secret_name(account_id), WithDecryption=True)
    except ssm.exceptions.ParameterNotFound:
        return None
    values: dict[str, str] = json.loads(answer["Parameter"]["Value"])
    return values
