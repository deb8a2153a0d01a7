"""Who may do what: every /v1 route asks ``require`` first. One key read, at most one account read."""

from __future__ import annotations

from collections.abc import Sequence

from chalice.app import Request

from chalicelib.accounts import audit, keys, service, sessions
from chalicelib.accounts.model import ApiKey, Principal
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Role, refuse_undeclared
from chalicelib.shared.errors import Detail, NotAllowed, Unauthenticated
from chalicelib.shared.reasons import Reason

_MAX_KEY_LENGTH = 512


def require(
    request: Request, role: Role, account: str | None = None, *, must_exist: bool = True
) -> Principal:
    """The principal behind a request that needs ``role`` (in ``account``, when it is about one).

    Raises, in this order: Unauthenticated; NotAllowed for a lesser role or another account, whether that
    exists or not; InvalidInput for an account id that cannot be one; NotFound when the account does not
    exist (unless ``must_exist`` is False); InvalidInput for what the route does not declare. Then, and when
    it is not allowed, the request is in the audit log if it may change something.
    """
    principal = _principal(request)
    try:
        _allow(principal, role, account)
    except NotAllowed:
        audit.refused(request, principal, _log_of(principal, account))
        raise
    if account is not None and must_exist:
        service.get_account(account)
    refuse_undeclared(request)
    audit.begin(request, principal, account or principal.account)
    return principal


def _allow(principal: Principal, role: Role, account: str | None) -> None:
    if account is not None:
        if principal.account is not None and principal.account != account:
            raise NotAllowed(Reason("key_of_another"))
        path_id(account, "account")
    if not principal.may(role):
        raise NotAllowed(Reason("needs_role", role=role, has=principal.role))


def _log_of(principal: Principal, account: str | None) -> str | None:
    """Whose audit log says that this key was refused: never another account's, never nobody's."""
    if principal.account is not None:
        return principal.account
    return account if account is not None and service.find_account(account) else None


def refuse(principal: Principal, needs: Sequence[Detail]) -> None:
    """Raises NotAllowed when something of what is asked for needs a publisher and the principal is none.
    ``needs`` says what, and the path that makes it so (docs/access.md).
    """
    if needs and not principal.may("publisher"):
        why, more = Reason("needs_publisher", why=needs[0].reason), len(needs) - 1
        raise NotAllowed(Reason("and_more", why=why, more=more) if more else why, needs)


def bearer(request: Request) -> str:
    """The API key of a request's ``Authorization: Bearer`` header. Raises Unauthenticated."""
    scheme, _, key = str(request.headers.get("authorization", "")).partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > _MAX_KEY_LENGTH:
        raise Unauthenticated(Reason("needs_key"))
    return key


def _principal(request: Request) -> Principal:
    if request.headers.get("authorization") is None:
        by_session = sessions.find_key(request)
        if by_session is not None:
            return principal_of(by_session)
    found = keys.find_valid(bearer(request))
    if found is None:
        raise Unauthenticated(Reason("unknown_key"))
    return principal_of(found)


def principal_of(key: ApiKey) -> Principal:
    """Who asks with this key."""
    return Principal(key.id, key.name, key.role, key.account)
