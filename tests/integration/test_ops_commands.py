"""An operator's commands: what each does, that a dry run does nothing, and how it is said."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import pytest

from chalicelib.accounts import line_check
from chalicelib.accounts import service as accounts
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.model import Chunk
from chalicelib.friends import store as friends
from chalicelib.gateways import aws, clock, line, line_admin, queues, seam
from chalicelib.ops.__main__ import main
from chalicelib.ops.commands import COMMANDS, carry_out
from chalicelib.ops.workers import ops
from chalicelib.shared.errors import InvalidInput, NotFound
from chalicelib.shared.settings import settings
from chalicelib.shared.text.redaction import friend_hash
from chalicelib.sheets.sheet import new_sheet
from chalicelib.timers import service as timers
from chalicelib.timers.model import minute_key, minute_of
from tests.api_client import an_account, an_api
from tests.conftest import drain
from tests.contract.test_line_sim_sdk import Shop, shop
from tests.integration.test_transfers_import import run_bulk

__all__ = ["shop"]

RUN = "01RUNOFTHECOMMANDSTEST0000"


@pytest.fixture
def account(cloud: None) -> str:
    an_account(an_api(), shards=2)
    return "shop"


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command line."""
    capsys.readouterr()
    status = main(list(arguments))
    return status, json.loads(capsys.readouterr().out)


def dead_letter(queue: str, *bodies: dict[str, Any]) -> None:
    for body in bodies:
        queues.dead_letter(queue, body)


def test_dead_letters_go_back(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that the program itself put there too; a dry run counts them, and ``most`` bounds them."""
    dead_letter("bulk", *({"job": "post", "n": n, "buried": True} for n in range(12)))
    status, printed = run_command(capsys, "redrive", "--queue", "bulk", "--dry-run")
    assert (status, printed["dead_letters"], printed["moved"]) == (0, 12, 0)
    assert run_command(capsys, "redrive", "--queue", "bulk", "--most", "2")[1]["moved"] == 2
    assert run_command(capsys, "redrive", "--queue", "bulk")[1]["moved"] == 10
    assert sorted(body["n"] for body in drain("bulk")) == list(range(12))
    assert queues.counts("bulk")["dlq"] == 0
    assert run_command(capsys, "redrive", "--queue", "bulk")[1]["moved"] == 0


def test_dead_letters_of_the_inbox_keep_their_friend(account: str) -> None:
    """A redriven event is in its friend's group again, and SQS does not take it for the first one."""
    sqs = aws.client("sqs")
    dead = sqs.get_queue_url(QueueName=settings().dead_letters("inbox"))["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="{}", MessageGroupId="shop#U1", MessageDeduplicationId="d1")
    assert carry_out("redrive", {"queue": "inbox"})["moved"] == 1
    (found,) = sqs.receive_message(QueueUrl=queues.url("inbox"), MessageSystemAttributeNames=["All"])[
        "Messages"
    ]
    assert found["Attributes"]["MessageGroupId"] == "shop#U1"
    assert found["Attributes"]["MessageDeduplicationId"] != "d1"


def test_on_aws_sqs_moves_them_itself(account: str) -> None:
    """The task names the queue, so that what has no source goes home too."""
    asked: list[dict[str, Any]] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:StartMessageMoveTask":
            asked.append(dict(detail))
            return {"TaskHandle": "t"}
        return call()

    dead_letter("bulk", {"job": "post"})
    with seam.guarded(guard):
        assert carry_out("redrive", {"queue": "bulk"})["moved_by"] == "sqs"
    (task,) = asked
    assert task["SourceArn"].endswith(":todoku-test-bulk-dlq")
    assert task["DestinationArn"].endswith(":todoku-test-bulk")


def test_a_run_is_fed_again(account: str) -> None:
    """Every open chunk has a message; a run nobody knows is refused."""
    text = [{"type": "text", "text": "x"}]
    for name in ("c1", "c2"):
        deliveries.put_chunk(Chunk("shop", RUN, name, "multicast", ["U1"], text), watch=False, feed=False)
    printed = carry_out("feed", {"account": "shop", "run": RUN, "dry_run": True})
    assert (printed["open_chunks"], printed["fed"], drain("sends")) == (2, 0, [])
    assert carry_out("feed", {"account": "shop", "run": RUN})["fed"] == 2
    assert {body["chunk"] for body in drain("sends")} == {"c1", "c2"}
    with pytest.raises(NotFound):
        carry_out("feed", {"account": "shop", "run": "01NOSUCHRUN"})


def test_a_minute_is_drained(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in it is sent; a minute is named as everywhere."""
    due = clock.now().replace(microsecond=0)
    minute = minute_key(minute_of(due))
    monkeypatch.setattr("chalicelib.timers.arming.start", lambda _minute: None)
    body = {"user_id": "U1", "scenario": "s", "run": 1}
    from chalicelib.timers import store
    from chalicelib.timers.model import Slot

    store.open_bucket(minute_of(due))
    store.put([Slot(timers.Entry("shop", "step", "s#U1", 1, due, body=body), due)])
    printed = carry_out("drain", {"minute": minute, "dry_run": True})
    assert (printed["state"], printed["entries"], drain("due")) == ("OPEN", 1, [])
    assert carry_out("drain", {"minute": minute})["sent"] == 1
    assert drain("due")[0]["entries"][0]["id"] == "s#U1"
    with pytest.raises(InvalidInput):
        carry_out("drain", {"minute": "today"})


def test_a_friend_is_erased(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As by the API; what is printed and audited names nobody but by the hash."""
    sheet = new_sheet("shop", "U1", "2026-11-20T00:00:00.000Z")
    friends.create_or_update("shop", 2, "U1", None, sheet, None)
    assert (
        run_command(capsys, "erase", "--account", "shop", "--user", "U1", "--dry-run")[1]["erased"] is False
    )
    assert friends.load("shop", 2, "U1")["status"] != "erased"  # type: ignore[index]
    status, printed = run_command(capsys, "erase", "--account", "shop", "--user", "U1")
    assert (status, printed["friend"]) == (0, friend_hash("U1"))
    assert friends.load("shop", 2, "U1")["status"] == "erased"  # type: ignore[index]
    assert [body["job"] for body in drain("bulk")] == ["erase"]
    assert run_command(capsys, "erase", "--account", "shop", "--user", "U1")[0] == 1


def test_tables_are_checked_after_a_restore(account: str) -> None:
    """What a restored table lacks is told: protection, recovery, expiry; a table that is not there too."""
    kinds = {problem["kind"] for problem in carry_out("restore-check", {})["problems"]}
    assert kinds == {"table_unprotected", "table_not_recoverable", "table_keeps_all"}
    dynamodb = aws.client("dynamodb")
    from chalicelib.ops.restored import EXPIRING
    from chalicelib.shared.settings import TABLES

    for name in TABLES:
        table = settings().table(name)
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        if name in EXPIRING:
            expiry = {"Enabled": True, "AttributeName": "expires_at"}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
    assert carry_out("restore-check", {})["ok"]
    aws.client("ssm").delete_parameter(Name=settings().secret_name("shop"))
    from chalicelib.accounts import credentials

    credentials._cache.clear()
    (problem,) = carry_out("restore-check", {})["problems"]
    assert problem["kind"] == "account_without_credentials"


@pytest.fixture
def at_line(account: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The account at the simulated LINE, which calls our webhook."""
    url = f"http://127.0.0.1:{shop.server.server_port}"
    here = dataclasses.replace(
        settings(), line_api_url=url, public_url=f"http://127.0.0.1:{shop.receiver.server_port}"
    )
    for module in (line_admin, line_check):
        monkeypatch.setattr(module, "settings", lambda: here)
    accounts.rotate_line_credentials("shop", {"channel_access_token": "token"}, "test")
    return shop


def test_an_account_is_verified(at_line: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """LINE knows the token, calls the webhook with no events, and the address is this stage's."""
    at_line.sim.set_webhook_url("shop", f"http://127.0.0.1:{at_line.receiver.server_port}/elsewhere")
    status, printed = run_command(capsys, "verify", "--account", "shop")
    assert status == 1
    assert "this stage is at" in printed["problems"][0]
    wanted = f"http://127.0.0.1:{at_line.receiver.server_port}/webhook/shop"
    at_line.sim.set_webhook_url("shop", wanted)
    status, printed = run_command(capsys, "verify", "--account", "shop")
    assert (status, printed["problems"], printed["webhook"]["endpoint"]) == (0, [], wanted)
    assert json.loads(at_line.webhooks[-1].body)["events"] == []


def test_the_console_asks_the_same(at_line: Shop) -> None:
    """``POST /check``: an admin hears whose token it is, and what is wrong in both languages."""
    api = an_api()
    path = "/v1/accounts/shop/check"
    at_line.sim.set_webhook_url("shop", f"http://127.0.0.1:{at_line.receiver.server_port}/elsewhere")
    body = api.ok("POST", path)
    assert (body["ok"], body["test"]["success"]) == (False, True)
    assert [one["reason"]["code"] for one in body["problems"]] == ["line_webhook_elsewhere"]
    assert "Webhook URL" in api.ok("POST", f"{path}?lang=ja")["problems"][0]["message"]
    at_line.sim.set_webhook_url("shop", body["wanted"])
    assert api.ok("POST", path)["ok"] is True
    accounts.rotate_line_credentials("shop", {"channel_access_token": "nobody's"}, "test")
    body = api.ok("POST", path)
    assert [one["reason"]["code"] for one in body["problems"]] == ["line_token_unknown"]
    assert (body["bot"], body["webhook"]) == (None, None)


def test_a_token_that_line_does_not_know_is_found_and_not_put_in_force(
    at_line: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotating reads secrets from standard input, tries them, and keeps what is not given."""
    before = accounts.line_credentials("shop", refresh=True)
    monkeypatch.setattr("sys.stdin", io.StringIO('{"channel_access_token": "wrong"}'))
    status, printed = run_command(capsys, "rotate", "--account", "shop")
    assert (status, printed["rotated"]) == (1, [])
    assert accounts.line_credentials("shop", refresh=True) == before
    monkeypatch.setattr("sys.stdin", io.StringIO('{"channel_secret": "new-one"}'))
    assert run_command(capsys, "rotate", "--account", "shop", "--dry-run")[1]["dry_run"] is True
    assert accounts.line_credentials("shop", refresh=True) == before
    monkeypatch.setattr("sys.stdin", io.StringIO('{"channel_secret": "new-one"}'))
    status, printed = run_command(capsys, "rotate", "--account", "shop")
    assert (status, printed["rotated"]) == (0, ["channel_secret"])
    assert "new-one" not in json.dumps(printed)
    after = accounts.line_credentials("shop", refresh=True)
    assert after == before | {"channel_secret": "new-one"}


def test_followers_become_friends(at_line: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the job of the API: whoever follows is known afterwards, with LINE's name; a dry run only asks."""
    monkeypatch.setattr(line, "settings", line_admin.settings)
    users = [f"U{number:032x}" for number in range(5)]
    for user in users:
        at_line.sim_request("POST", "friends", {"account": "shop", "user_id": user, "display_name": "x"})
    tried = carry_out("followers", {"account": "shop", "dry_run": True})
    assert (tried["ok"], tried["followers"], tried["more"]) == (True, 6, False)
    assert "job" not in tried
    assert carry_out("followers", {"account": "shop"})["ok"]
    run_bulk()
    for user in users:
        sheet = friends.load("shop", 2, user)
        assert sheet is not None
        assert (sheet["status"], sheet["display_name"]) == ("following", "x")
    at_line.sim_request("PUT", "faults", {"followers": {"status": 403}})
    tried = carry_out("followers", {"account": "shop", "dry_run": True})
    assert (tried["ok"], "verified" in tried["problems"][0]) == (False, True)


@pytest.mark.parametrize(
    ("name", "given", "what"),
    [
        ("nonsense", {}, "there is no command"),
        ("redrive", {"queue": "outbox"}, "must be one of"),
        ("redrive", {"queue": "bulk", "most": True}, "whole number"),
        ("verify", {}, "is missing"),
        ("verify", {"account": "shop", "dry_run": True}, "is not taken"),
        ("feed", {"account": 3, "run": "r"}, "must be a text"),
        ("feed", {"account": "shop", "run": "r", "dry_run": "yes"}, "true or false"),
    ],
)
def test_what_is_not_understood_does_nothing(name: str, given: dict[str, Any], what: str) -> None:
    """A sentence says what is wrong; the Lambda answers it."""
    with pytest.raises(InvalidInput, match=what):
        carry_out(name, given)
    answer = ops({"command": name, **given}, None)
    assert answer["ok"] is False
    assert what in answer["error"]["message"]


def test_every_command_is_documented_and_can_be_asked_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/operations/commands.md lists each, with what it takes."""
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "operations" / "commands.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        assert f"| `{name}`" in page, name
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert ("--dry-run" in capsys.readouterr().out) == command.changes
    with pytest.raises(SystemExit) as ended:
        main(["verify"])
    assert ended.value.code == 2
