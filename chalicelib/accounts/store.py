"""Control items of accounts, and of answers kept for repeated requests."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.accounts.model import CURRENCY, REACT_WITHIN, Account
from chalicelib.gateways import dynamo
from chalicelib.gateways.control import ControlItem
from chalicelib.gateways.listed_accounts import PARTITION
from chalicelib.shared.times import duration_text, parse_duration

_CHANGEABLE = (
    *("name", "time_zone", "liff_id", "login_channel_id", "member_site_url", "member_site_origins"),
    *("site_origins", "site", "relay_urls", "policies", "currency", "react_within"),
)


class AccountItem(ControlItem):
    """``<account>`` / ``ACC``; and ``#accounts`` / ``<account>``, the list of ids."""

    name = UnicodeAttribute(null=True)
    time_zone = UnicodeAttribute(null=True)
    shards = NumberAttribute(null=True)
    liff_id = UnicodeAttribute(null=True)
    login_channel_id = UnicodeAttribute(null=True)
    member_site_url = UnicodeAttribute(null=True)
    member_site_origins = dynamo.Items(null=True)
    site_origins = dynamo.Items(null=True)
    site = dynamo.Document(null=True)
    relay_urls = dynamo.Items(null=True)
    currency = UnicodeAttribute(null=True)
    react_within = UnicodeAttribute(null=True)
    policies = dynamo.Document(null=True)
    created_at = UnicodeAttribute(null=True)


class AnswerItem(ControlItem):
    """``<account>`` / ``IDEM#<hash>``: a request under an Idempotency-Key, and its answer once known."""

    state = UnicodeAttribute()
    request = UnicodeAttribute()
    owner = UnicodeAttribute()
    started_at = UnicodeAttribute()
    since = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute()
    status = NumberAttribute(null=True)
    answer = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


def find_account(account_id: str) -> Account | None:
    """The account, or None. Consistent."""
    try:
        return _account(AccountItem.get(account_id, "ACC", consistent_read=True))
    except AccountItem.DoesNotExist:
        return None


def list_accounts() -> list[Account]:
    """Every account, by id."""
    listed = [item.sk for item in AccountItem.query(PARTITION, consistent_read=True)]
    wanted = [(account_id, "ACC") for account_id in listed]
    found = [_account(item) for item in AccountItem.batch_get(wanted, consistent_read=True)]
    return sorted(found, key=lambda account: account.id)


def list_account(account_id: str) -> None:
    """Put an account's id in the list of ids (before the account itself, so that no account is unlisted)."""
    AccountItem(PARTITION, account_id).save()


def create_account(account: Account) -> bool:
    """Put an account that does not exist; False when it does."""
    item = AccountItem(account.id, "ACC", **_account_fields(account))
    return item.save_new()


def update_account(account: Account) -> None:
    """Change what may be changed of an account; its shards and its beginning stay."""
    fields = _account_fields(account)
    actions = []
    for name in _CHANGEABLE:
        value, attribute = fields[name], getattr(AccountItem, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    AccountItem(account.id, "ACC").update(actions, condition=AccountItem.pk.exists())


def _account_fields(account: Account) -> dict[str, Any]:
    fields = {name: getattr(account, name) for name in (*_CHANGEABLE, "shards", "created_at")}
    return fields | {"react_within": duration_text(account.react_within)}


def _account(item: AccountItem) -> Account:
    return Account(
        id=item.pk,
        name=item.name or "",
        time_zone=item.time_zone or "Asia/Tokyo",
        shards=int(item.shards or 64),
        liff_id=item.liff_id,
        login_channel_id=item.login_channel_id,
        member_site_url=item.member_site_url,
        member_site_origins=list(item.member_site_origins or ()),
        site_origins=list(item.site_origins or ()),
        site=item.site or {},
        relay_urls=list(item.relay_urls or ()),
        policies=item.policies or {},
        currency=item.currency or CURRENCY,
        react_within=parse_duration(item.react_within) if item.react_within else REACT_WITHIN,
        created_at=item.created_at or "",
    )


def begin_answer(item: AnswerItem) -> bool:
    """Put the record of a request that begins; False when there is one."""
    return item.save_new()


def find_answer(partition: str, sort: str) -> AnswerItem | None:
    """The record of a request, or None. Consistent."""
    try:
        return AnswerItem.get(partition, sort, consistent_read=True)
    except AnswerItem.DoesNotExist:
        return None


def take_over(item: AnswerItem, seen_owner: str) -> bool:
    """Replace a record whose owner is ``seen_owner``; False when somebody else was faster."""
    return item.save_if(AnswerItem.owner == seen_owner)


def finish_answer(
    item: AnswerItem, status: int, *, answer: str | None = None, place: str | None = None
) -> None:
    """Keep the answer, or the key of the object that holds it (neither: it could not be kept), unless
    somebody else took the request over meanwhile."""
    actions: list[Action] = [AnswerItem.state.set("done"), AnswerItem.status.set(status)]
    actions += [AnswerItem.answer.set(answer)] if answer is not None else []
    actions += [AnswerItem.place.set(place)] if place is not None else []
    _change_answer(item, actions)


def _change_answer(item: AnswerItem, actions: list[Action]) -> None:
    item.update_if(actions, AnswerItem.owner == item.owner)


def answers(partition: str) -> Iterator[AnswerItem]:
    """The records of requests of an account, or of the installation."""
    yield from AnswerItem.query(partition, AnswerItem.sk.startswith("IDEM#"), consistent_read=True)


def drop_answer(item: AnswerItem) -> None:
    """Keep the answer no longer, unless somebody else took the request over meanwhile."""
    _change_answer(item, [AnswerItem.answer.remove(), AnswerItem.place.remove()])


def free_answer(item: AnswerItem) -> None:
    """Let the next request have the key at once: this one did not come to an answer."""
    _change_answer(item, [AnswerItem.state.set("free")])


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
