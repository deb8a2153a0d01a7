"""Who may do what: every /v1 route asks ``require`` first. One key read, at most one account read."""

from __future__ import annotations

from chalice.app import Request

from chalicelib.accounts import service, store
from chalicelib.accounts.model import Principal
from chalicelib.shared.errors import NotAllowed, Unauthenticated
from chalicelib.shared.http import Role, path_id

_MAX_KEY_LENGTH = 512


def require(
    request: Request, role: Role, account: str | None = None, *, must_exist: bool = True
) -> Principal:
    """The principal behind a request that needs ``role`` (in ``account``, when it is about one).

    Raises Unauthenticated; NotAllowed for a lesser role or another account, whether that exists or not;
    InvalidInput for an account id that cannot be one; NotFound when the account does not exist (unless
    ``must_exist`` is False).
    """
    principal = _principal(request)
    if account is not None:
        if principal.account is not None and principal.account != account:
            raise NotAllowed("this key is for another account")
        path_id(account, "account")
    if not principal.may(role):
        raise NotAllowed(f"this needs the role {role}; the key has {principal.role}")
    if account is not None and must_exist:
        service.get_account(account)
    return principal


def bearer(request: Request) -> str:
    """The API key of a request's ``Authorization: Bearer`` header. Raises Unauthenticated."""
    scheme, _, key = str(request.headers.get("authorization", "")).partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > _MAX_KEY_LENGTH:
        raise Unauthenticated("send an API key: Authorization: Bearer <key>")
    return key


def _principal(request: Request) -> Principal:
    found = store.find_key(service.key_hash(bearer(request)))
    if found is None:
        raise Unauthenticated("this API key is not known")
    return Principal(found.id, found.name, found.role, found.account)
