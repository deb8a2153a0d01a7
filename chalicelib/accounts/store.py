"""Control items of accounts, keys, answers kept for repeated requests, and the audit log."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError, PutError, UpdateError

from chalicelib.accounts.model import Account, ApiKey
from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

_KEYS = "#keys"
_ACCOUNTS = "#accounts"
INSTALLATION = "#installation"
"""The partition of what belongs to no account."""


class ControlItem(dynamo.Record):
    """The keys that every control item has."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class AccountItem(ControlItem):
    """``<account>`` / ``ACC``; and ``#accounts`` / ``<account>``, the list of ids."""

    name = UnicodeAttribute(null=True)
    time_zone = UnicodeAttribute(null=True)
    shards = NumberAttribute(null=True)
    liff_id = UnicodeAttribute(null=True)
    login_channel_id = UnicodeAttribute(null=True)
    policies = dynamo.Document(null=True)
    created_at = UnicodeAttribute(null=True)


class KeyItem(ControlItem):
    """``#keys`` / ``KEY#<sha256 of the key>``."""

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    account = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    created_by = UnicodeAttribute()


class AuditItem(ControlItem):
    """``<account>`` / ``AUDIT#<at>#<ulid>``: who did what to what."""

    at = UnicodeAttribute()
    who = UnicodeAttribute()
    action = UnicodeAttribute()
    target = UnicodeAttribute()


class AnswerItem(ControlItem):
    """``<account>`` / ``IDEM#<hash>``: a request under an Idempotency-Key, and its answer once known."""

    state = UnicodeAttribute()
    request = UnicodeAttribute()
    owner = UnicodeAttribute()
    started_at = UnicodeAttribute()
    lease_until = UnicodeAttribute()
    status = NumberAttribute(null=True)
    answer = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


def find_account(account_id: str) -> Account | None:
    """The account, or None. Consistent."""
    try:
        return _account(AccountItem.get(account_id, "ACC", consistent_read=True))
    except AccountItem.DoesNotExist:
        return None


def list_accounts() -> list[Account]:
    """Every account, by id."""
    listed = [item.sk for item in AccountItem.query(_ACCOUNTS, consistent_read=True)]
    wanted = [(account_id, "ACC") for account_id in listed]
    found = [_account(item) for item in AccountItem.batch_get(wanted, consistent_read=True)]
    return sorted(found, key=lambda account: account.id)


def list_account(account_id: str) -> None:
    """Put an account's id in the list of ids (before the account itself, so that no account is unlisted)."""
    AccountItem(_ACCOUNTS, account_id).save()


def create_account(account: Account) -> bool:
    """Put an account that does not exist; False when it does."""
    item = AccountItem(account.id, "ACC", **_account_fields(account))
    try:
        item.save(condition=AccountItem.pk.does_not_exist())
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def update_account(account: Account) -> None:
    """Change what may be changed of an account; its shards and its beginning stay."""
    fields = _account_fields(account)
    actions = []
    for name in ("name", "time_zone", "liff_id", "login_channel_id", "policies"):
        value, attribute = fields[name], getattr(AccountItem, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    AccountItem(account.id, "ACC").update(actions, condition=AccountItem.pk.exists())


def _account_fields(account: Account) -> dict[str, Any]:
    names = ("name", "time_zone", "shards", "liff_id", "login_channel_id", "policies", "created_at")
    return {name: getattr(account, name) for name in names}


def _account(item: AccountItem) -> Account:
    return Account(
        id=item.pk,
        name=item.name or "",
        time_zone=item.time_zone or "Asia/Tokyo",
        shards=int(item.shards or 64),
        liff_id=item.liff_id,
        login_channel_id=item.login_channel_id,
        policies=item.policies or {},
        created_at=item.created_at or "",
    )


def find_key(key_hash: str) -> ApiKey | None:
    """The key with this hash, or None. Consistent: a deleted key is refused at once."""
    try:
        return _key(KeyItem.get(_KEYS, f"KEY#{key_hash}", consistent_read=True))
    except KeyItem.DoesNotExist:
        return None


def list_keys() -> list[ApiKey]:
    """Every key of the installation."""
    return [_key(item) for item in KeyItem.query(_KEYS, KeyItem.sk.startswith("KEY#"), consistent_read=True)]


def put_key(key: ApiKey) -> None:
    """Keep a key."""
    fields = {name: getattr(key, name) for name in ("id", "name", "role", "account")}
    KeyItem(_KEYS, f"KEY#{key.hash}", **fields, created_at=key.created_at, created_by=key.created_by).save()


def delete_key(key_hash: str) -> None:
    """Forget a key."""
    KeyItem(_KEYS, f"KEY#{key_hash}").delete()


def _key(item: KeyItem) -> ApiKey:
    return ApiKey(
        id=item.id,
        name=item.name,
        role=item.role,  # type: ignore[arg-type]  # only roles are ever stored
        account=item.account,
        hash=item.sk.removeprefix("KEY#"),
        created_at=item.created_at,
        created_by=item.created_by,
    )


def put_audit(partition: str, sort: str, entry: dict[str, Any]) -> None:
    """Add one line to an audit log."""
    AuditItem(partition, f"AUDIT#{sort}", **entry).save()


def read_audit(partition: str, limit: int, before: str | None) -> list[tuple[str, dict[str, str]]]:
    """The newest audit lines as (position, line), those before a position when one is given."""
    condition: Any = AuditItem.sk.startswith("AUDIT#")
    if before is not None:
        condition = AuditItem.sk.between("AUDIT#", f"AUDIT#{before}")
    items: Iterable[AuditItem] = AuditItem.query(
        partition, condition, scan_index_forward=False, limit=limit + 1, consistent_read=True
    )
    lines = [
        (
            item.sk.removeprefix("AUDIT#"),
            {"at": item.at, "who": item.who, "action": item.action, "target": item.target},
        )
        for item in items
    ]
    return [line for line in lines if line[0] != before][:limit]


def begin_answer(item: AnswerItem) -> bool:
    """Put the record of a request that begins; False when there is one."""
    try:
        item.save(condition=AnswerItem.pk.does_not_exist())
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def find_answer(partition: str, sort: str) -> AnswerItem | None:
    """The record of a request, or None. Consistent."""
    try:
        return AnswerItem.get(partition, sort, consistent_read=True)
    except AnswerItem.DoesNotExist:
        return None


def take_over(item: AnswerItem, seen_owner: str) -> bool:
    """Replace a record whose owner is ``seen_owner``; False when somebody else was faster."""
    try:
        item.save(condition=AnswerItem.owner == seen_owner)
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def finish_answer(item: AnswerItem, status: int, answer: str) -> None:
    """Keep the answer, unless somebody else took the request over meanwhile."""
    try:
        item.update(
            [
                AnswerItem.state.set("done"),
                AnswerItem.status.set(status),
                AnswerItem.answer.set(answer),
            ],
            condition=AnswerItem.owner == item.owner,
        )
    except UpdateError as error:
        if not dynamo.condition_failed(error):
            raise


def forget_answer(item: AnswerItem) -> None:
    """Drop the record of a request that did nothing."""
    try:
        item.delete(condition=AnswerItem.owner == item.owner)
    except DeleteError as error:
        if not dynamo.condition_failed(error):
            raise


def pack(answer: Any) -> str:
    """An answer as text that fits in an item: JSON, compressed when long."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    if len(text) < 10_000:
        return text
    return "z" + base64.b85encode(zlib.compress(text.encode())).decode()


def unpack(text: str) -> Any:
    """The answer of ``pack``."""
    if text.startswith("z"):
        text = zlib.decompress(base64.b85decode(text[1:])).decode()
    return json.loads(text)
