"""A secret ends when no document names it any more: not before a call that needs it, and not never."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import kept_secrets, sealing, service, store
from chalicelib.catalog.kept_secrets import GRACE, tidy
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import aws, seam, secrets
from chalicelib.heartbeat import workers
from chalicelib.media import tidying
from tests import hours

A = "shop"
NOW = datetime(2026, 12, 1, 3, 17, tzinfo=UTC)
LATER = NOW + GRACE


class Crash(BaseException):
    """The process dies here."""


def calling(secret: str | None) -> dict[str, Any]:
    call = {"url": "https://pos.example/hook"} | ({"secret": secret} if secret else {})
    return {"name": "r", "when": {"event": "follow"}, "then": [{"call_webhook": call}]}


def a_save(body: dict[str, Any] | None, rule: str = "r") -> Snapshot:
    return service.save(A, [Write("rules", rule, body)], lambda _: None, "tests")


def named(rule: str = "r") -> str:
    """The secret's name in the rule that is in force."""
    (name,) = sealing.references(service.snapshot(A).get("rules", rule).body)
    return name


def parameters() -> set[str]:
    """The names of all secrets in the store."""
    found = aws.client("ssm").get_parameters_by_path(Path="/todoku/test/", Recursive=True)["Parameters"]
    return {one["Name"].rpartition("/")[2] for one in found if "/secrets/" in one["Name"]}


def test_a_secret_that_was_replaced_goes_when_no_call_can_need_it(cloud: None) -> None:
    """The old one stays for the calls that wait, then it is deleted; the one in force stays for ever."""
    a_save(calling("old"))
    old = named()
    a_save(calling("new"))
    new = named()
    assert tidy(A, NOW) == 0
    assert tidy(A, LATER - timedelta(seconds=1)) == 0
    assert secrets.find_secret(A, old) == "old"
    assert tidy(A, LATER) == 1
    assert (secrets.find_secret(A, old), secrets.find_secret(A, new)) == (None, "new")
    assert tidy(A, LATER + timedelta(days=999)) == 0
    assert parameters() == set(store.listed_secrets(A)) == {new}


def test_a_deleted_document_takes_its_secret_along(cloud: None) -> None:
    """Of a document that is no more, and of a call that is signed no more, the secret goes."""
    a_save(calling("a"), "deleted")
    a_save(calling("b"), "unsigned")
    a_save(None, "deleted")
    a_save(calling(None), "unsigned")
    tidy(A, NOW)
    assert tidy(A, LATER) == 2
    assert parameters() == set()


def test_a_secret_that_two_documents_name_stays_with_the_second(cloud: None) -> None:
    """What one document gives up another one may still name: a scenario's published version does."""
    a_save(calling("shared"))
    name = named()
    service.save(A, [Write("published-scenarios", "s", calling(f"secret:{name}"))], lambda _: None, "tests")
    a_save(None)
    tidy(A, NOW)
    assert tidy(A, LATER) == 0
    assert parameters() == {name}


def test_a_secret_that_is_named_again_in_time_stays(cloud: None) -> None:
    """The days without a document are counted from the last one that named it."""
    a_save(calling("x"))
    name = named()
    body = service.snapshot(A).get("rules", "r").body
    a_save(None)
    tidy(A, NOW)
    a_save(body)
    tidy(A, NOW + timedelta(days=1))
    a_save(None)
    tidy(A, NOW + timedelta(days=2))
    assert tidy(A, LATER + timedelta(days=1)) == 0
    assert parameters() == {name}
    assert tidy(A, LATER + timedelta(days=2)) == 1


def crashing_at(crossing: int) -> Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]:
    seen = 0

    def guard(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal seen
        if name == "clock:now":
            return NOW
        seen += 1
        if seen == crossing:
            raise Crash
        return call()

    return guard


@pytest.mark.parametrize("crossing", range(1, 9))
def test_a_save_that_dies_leaves_no_secret_behind(cloud: None, crossing: int) -> None:
    """Wherever a save is cut off, what it kept is in a document that is in force, or goes in the end."""
    try:
        with seam.guarded(crashing_at(crossing)):
            a_save(calling("x"))
    except Crash:
        pass
    service.forget()
    assert parameters() <= set(store.listed_secrets(A)), "a secret that nobody would ever find"
    in_force = {named()} if service.snapshot(A).find("rules", "r") else set()
    tidy(A, NOW)
    tidy(A, LATER)
    assert parameters() == set(store.listed_secrets(A)) == in_force


@pytest.mark.parametrize("crossing", range(1, 7))
def test_a_tidying_that_dies_is_finished_by_the_next(cloud: None, crossing: int) -> None:
    """Cut off anywhere, nothing is deleted that is named, and the next day deletes the rest."""
    a_save(calling("old"))
    a_save(calling("new"))
    tidy(A, NOW)
    try:
        with seam.guarded(crashing_at(crossing)):
            tidy(A, LATER)
    except Crash:
        pass
    tidy(A, LATER)
    assert parameters() == set(store.listed_secrets(A)) == {named()}


def test_the_sweep_tidies_every_account_once_a_day(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the course of a day each account has its turn, once."""
    names = [f"a{number}" for number in range(5)]
    for name in names:
        account = Account(name, name, "Asia/Tokyo", 2)
        credentials = {"channel_secret": "s", "channel_access_token": "t"}
        accounts.put_account(account, credentials, shards=2, by="tests")
    turns: list[str] = []
    files: list[str] = []
    monkeypatch.setattr(kept_secrets, "tidy", lambda account, _now: turns.append(account))
    monkeypatch.setattr(tidying, "tidy", lambda account, _now: files.append(account))
    midnight = NOW.replace(hour=0, minute=0)
    for hour in range(24):
        hours.pass_by(
            midnight + timedelta(hours=hour, minutes=16), midnight + timedelta(hours=hour, minutes=19), "tidy"
        )
    assert sorted(turns) == sorted(files) == names


def test_the_deployed_functions_delete_it(cloud: None) -> None:
    """The sweep asks for it and ``bulk`` does it, and their roles allow that."""
    account = Account(A, A, "Asia/Tokyo", 2)
    accounts.put_account(account, {"channel_secret": "s", "channel_access_token": "t"}, shards=2, by="tests")
    a_save(calling("old"))
    a_save(None)
    turn = NOW.replace(hour=zlib.crc32(A.encode()) % 24)
    fields = ("version", "id", "account", "time", "region", "source", "detail-type")
    schedule = dict.fromkeys(fields, "") | {"detail": {}, "resources": []}
    for at in (turn, turn + GRACE):
        with seam.guarded(lambda name, _detail, call, at=at: at if name == "clock:now" else call()):
            workers.sweep(schedule, None)
            hours.do("tidy")
    assert parameters() == set()
