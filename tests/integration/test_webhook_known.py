"""What strangers send to the webhook costs a bounded number of secret reads, and nobody else's."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from chalicelib.accounts import credentials, service
from chalicelib.accounts.model import Account
from chalicelib.gateways import secrets
from chalicelib.webhook import front, known, parse
from tests import roles
from tests.conftest import drain
from tests.integration.test_webhook_front import Watch, body, follow, post, sign, watch

__all__ = ["watch"]

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetParameter")


def reads(watch: Watch) -> int:
    return watch.seen.count("ssm:GetParameter")


def test_an_unknown_account_is_read_once_in_a_while(watch: Watch) -> None:
    """300 requests for one unknown id within three seconds are one read; a new account works after five."""
    for _ in range(300):
        watch.now += timedelta(milliseconds=10)
        assert post(body(), account="new-shop").status == 404
    assert reads(watch) == 1
    secrets.put_line_credentials("new-shop", {"channel_secret": "s1", "channel_access_token": "t"})
    watch.now += timedelta(seconds=5)
    assert post(body(), account="new-shop").status == 200


def test_a_flood_of_random_ids_is_paid_from_a_budget(watch: Watch) -> None:
    """300 different ids in three seconds cost 13 reads; the list of accounts answers for the others."""
    answers = set()
    for n in range(300):
        watch.now += timedelta(milliseconds=10)
        answers.add(post(body(), account=f"random-{n}").status)
    assert reads(watch) <= 13
    assert answers == {404}


def test_a_flood_keeps_no_account_from_being_served(watch: Watch) -> None:
    """While strangers spend the budget, an account that this process has not read yet gets its 200."""
    for n in range(30):
        post(body(), account=f"random-{n}")
    line = {"channel_secret": "s1", "channel_access_token": "t"}
    service.put_account(Account("late", "Late", "Asia/Tokyo", 4), line, shards=4, by="x")
    with roles.role_of("webhook"):
        assert post(body(), account="late").status == 200


def test_a_flood_while_the_list_is_silent_has_to_come_again(watch: Watch) -> None:
    """Nobody can say whether it is an account: 503, never a false 404."""
    watch.broken["dynamodb:GetItem"] = THROTTLED
    answers = [post(body(), account=f"random-{n}").status for n in range(30)]
    assert (answers[0], answers[-1]) == (404, 503)


def test_a_flood_does_not_reach_known_accounts(watch: Watch) -> None:
    """While strangers get 503, an account that was read is served, and read again when its time is over."""
    assert post(body()).status == 200
    for minute in range(20):
        watch.now += timedelta(minutes=1)
        for n in range(50):
            post(body(), account=f"random-{minute}-{n}")
        assert post(body(follow(minute))).status == 200
    assert len(drain("inbox")) == 20


def test_accounts_that_exist_cost_no_budget(watch: Watch) -> None:
    """A process that meets 60 accounts in its first second serves all of them."""
    for n in range(60):
        secrets.put_line_credentials(f"shop-{n}", {"channel_secret": "s1", "channel_access_token": "t"})
    assert {post(body(), account=f"shop-{n}").status for n in range(60)} == {200}


def test_what_is_no_signature_costs_no_read(watch: Watch) -> None:
    """A request without a signature, or with something of another shape, reads no secret."""
    for signature in (None, "", "x", "=" * 44, "A" * 44, "あ" * 44, sign(body()) + "\n", " " + sign(body())):
        assert front.receive("shop", body(), signature).status == 401
    assert reads(watch) == 0


def test_forged_signatures_share_one_budget(watch: Watch) -> None:
    """Forging for many accounts costs no more rereads than forging for one."""
    for n in range(30):
        secrets.put_line_credentials(f"shop-{n}", {"channel_secret": "s1", "channel_access_token": "t"})
        assert post(body(), account=f"shop-{n}").status == 200
    before = reads(watch)
    for n in range(300):
        watch.now += timedelta(milliseconds=10)
        assert post(body(), account=f"shop-{n % 30}", secret="forged").status == 401
    assert reads(watch) - before <= 7


def test_a_throttled_store_is_not_asked_again_at_once(watch: Watch) -> None:
    """While SSM throttles, what is known stays in force and costs a read each ten seconds at most."""
    assert post(body()).status == 200
    watch.broken["ssm:GetParameter"] = THROTTLED
    watch.now += timedelta(minutes=6)
    before = reads(watch)
    for n in range(100):
        watch.now += timedelta(milliseconds=100)
        assert post(body(follow(n))).status == 200
    assert reads(watch) - before <= 1


def test_processes_that_started_together_read_at_different_times(watch: Watch) -> None:
    """A thousand processes spread their second read over a minute."""
    many = [known.Known() for _ in range(200)]
    ends = [one.get("shop", watch.now).fresh_until for one in many]
    assert max(ends) - min(ends) > timedelta(seconds=30)
    assert max(ends) <= watch.now + timedelta(minutes=5)


def test_what_is_known_stays_bounded(watch: Watch) -> None:
    """Ten thousand ids that nobody has leave a thousand behind."""
    one = known.Known()
    for n in range(10_000):
        one._note_unknown(f"id-{n}", watch.now)
    assert len(one._unknown) == 1_000


def test_no_thread_sees_an_empty_secret(watch: Watch) -> None:
    """Whatever is kept of an account is complete and is never changed: no moment has an empty secret."""
    kept: list[known.Secret] = []

    class Seen(dict[str, known.Secret]):
        def __setitem__(self, name: str, value: known.Secret) -> None:
            kept.append(value)
            super().__setitem__(name, value)

    one = known.Known()
    one._secrets = Seen()
    for _ in range(3):
        one.get("shop", watch.now)
        watch.now += timedelta(minutes=6)
        one.reread("shop", watch.now)
    assert [secret.value for secret in kept] == ["s1"] * len(kept)
    assert len(kept) > 3
    with pytest.raises(FrozenInstanceError):
        kept[0].value = ""  # type: ignore[misc]


def test_more_events_than_line_sends_are_refused_whole(watch: Watch) -> None:
    """1,000 events are taken; one more, or 400,000 tiny ones, are 413, in no time, and nothing is kept."""
    assert post(body(*([0] * 1_000))).status == 200
    drain("inbox")
    for count in (1_001, 400_000):
        answer = post(b'{"events":[' + b",".join([b"0"] * count) + b"]}")
        assert (answer.status, answer.body["error"]["code"]) == (413, "too_large")
        assert f"this one has {count}" in answer.body["error"]["message"]
    assert drain("inbox") == []


def test_the_shape_of_a_signature() -> None:
    """What ``sign`` makes has it."""
    assert all(parse.may_be_signature(sign(bytes([n]))) for n in range(100))


def test_two_who_make_the_same_account_keep_one_token_key(cloud: None) -> None:
    """Credentials written for an account that is being made twice keep the first token key."""
    account = Account("twice", "Twice", "Asia/Tokyo", 8)
    line = {"channel_secret": "a", "channel_access_token": "t"}
    credentials.create_line_credentials("twice", {credentials.KEY: "first", **line})
    service.put_account(account, {**line, "channel_secret": "b"}, shards=None, by="test")
    kept = credentials.line_credentials("twice", refresh=True)
    assert kept == {credentials.KEY: "first", "channel_secret": "b", "channel_access_token": "t"}


def test_credentials_stay_in_force_while_the_store_is_silent(watch: Watch) -> None:
    """A worker goes on with what it read, asks again within seconds, and hears a new token then."""
    assert credentials.line_credentials("shop")["channel_access_token"] == "t"
    watch.broken["ssm:GetParameter"] = THROTTLED
    watch.now += timedelta(minutes=2)
    assert credentials.line_credentials("shop")["channel_access_token"] == "t"
    watch.broken.clear()
    secrets.put_line_credentials("shop", {"channel_secret": "s1", "channel_access_token": "t2"})
    watch.now += timedelta(seconds=10)
    assert credentials.line_credentials("shop")["channel_access_token"] == "t2"
