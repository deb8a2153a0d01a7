"""Who may do what: the declaration, the policies made of it, and what a call asks for."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.local import permissions, wiring
from chalicelib.local.config import ROOT
from chalicelib.local.permissions import Permission, asked, given, guard, never_used, unused
from chalicelib.shared.settings import MACHINES, TABLES, settings
from tests import roles

sys.path.insert(0, str(ROOT / "scripts"))

import policies

SQS = "http://sqs.example/123456789012/todoku-test-"


@pytest.mark.parametrize("path", [*policies.files(), policies.PAGE], ids=lambda path: path.name)
def test_policies_and_page_are_those_of_the_declaration(path: Path) -> None:
    """Whoever changes infra/permissions.yaml runs scripts/policies.py."""
    wanted = policies.page() if path == policies.PAGE else policies.files()[path]
    assert path.read_text(encoding="utf-8") == wanted


def test_every_function_is_declared_and_no_other() -> None:
    """The declaration names the functions of the app, and the queue that feeds each."""
    app = wiring.load_app("app")
    fed = {handler.function.name: handler.queue for handler in wiring.queue_handlers(app)}
    names = {handler.function.name for handler in wiring.scheduled_handlers(app)} | fed.keys()
    names |= {wiring.api_function().name, *wiring.lambda_functions(app)}
    declared = permissions.declared()["functions"]
    assert set(declared) == names >= wiring.NICE.keys()
    consumed = {name: one["consumes"] for name, one in declared.items() if "consumes" in one}
    assert {name: settings().queue(queue) for name, queue in consumed.items()} == fed
    assert {path.name for path in policies.files()} == {
        p.name for p in policies.CHALICE.glob("policy-*.json")
    }


def test_tests_know_whose_handler_they_call() -> None:
    """The name that a handler has in tests is its function's."""
    app = wiring.load_app("app")
    functions = [handler.function for handler in wiring.queue_handlers(app)]
    functions += [handler.function for handler in wiring.scheduled_handlers(app)]
    functions += wiring.lambda_functions(app).values()
    for function in functions:
        assert roles.name_of(wiring.load_handler(function.path)) == function.name


def test_tests_know_whose_work_they_do() -> None:
    """Services that only one function's handler asks for are there, by these names."""
    assert roles.WORK.keys() <= permissions.declared()["functions"].keys()
    for names in roles.WORK.values():
        for module, _, name in (one.partition(":") for one in names):
            assert callable(getattr(importlib.import_module(f"chalicelib.{module}"), name)), (module, name)


def test_the_declaration_speaks_of_what_there_is() -> None:
    """Tables, queues and machines by name; no action twice; every exception is given, with a reason."""
    for function, of_function in permissions.declared()["functions"].items():
        assert set(of_function) <= {"consumes", *permissions.SECTIONS}, function
        assert {name.partition("/")[0] for name in of_function.get("tables", {})} <= set(TABLES)
        assert set(of_function.get("machines", {})) <= {*MACHINES, "*"}
        for queue in of_function.get("queues", {}):
            assert policies.queue_name(queue)
        for section in permissions.SECTIONS:
            for actions in of_function.get(section, {}).values():
                assert len(set(actions.split())) == len(actions.split()), (function, actions)
    for one in unused():
        assert one.permission in given(one.function), one
        assert one.why.strip(), one


def test_no_role_can_do_what_no_function_should() -> None:
    """No wildcard, no scan, no table made or deleted; of tables the webhook reads the list of accounts
    alone; who feeds reads no secret.
    """
    for function in permissions.declared()["functions"]:
        for one in given(function):
            assert "*" not in one.action
            assert one.action not in {"dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:CreateTable"}
            assert one.resource not in {"table/*", "queue/*", "parameter/*"}
    stored = [one for one in given("webhook") if one.resource.startswith(("table/", "object/"))]
    assert stored == [Permission("dynamodb:GetItem", "table/control")]
    secrets = {one for one in given("webhook") if one.resource.startswith("parameter/")}
    assert secrets == {Permission("ssm:GetParameter", "parameter/*/line")}
    for function in ("sweep", "minute_tasks", "recover"):
        assert Permission("ssm:GetParameter", "parameter/*/secrets/*") not in given(function)


@pytest.mark.parametrize(
    ("crossing", "params", "wanted"),
    [
        ("dynamodb:GetItem", {"TableName": "todoku-test-friends"}, {"dynamodb:GetItem table/friends"}),
        (
            "dynamodb:Query",
            {"TableName": "todoku-test-activities", "IndexName": "by_at"},
            {"dynamodb:Query table/activities/by_at"},
        ),
        (
            "dynamodb:BatchWriteItem",
            {"RequestItems": {"todoku-test-timers": [], "todoku-test-ledger": []}},
            {"dynamodb:BatchWriteItem table/timers", "dynamodb:BatchWriteItem table/ledger"},
        ),
        (
            "sqs:SendMessageBatch",
            {"QueueUrl": f"{SQS}inbox.fifo"},
            {"sqs:SendMessage queue/inbox", "sqs:GetQueueUrl queue/inbox"},
        ),
        ("sqs:GetQueueUrl", {"QueueName": "todoku-test-bulk-dlq"}, {"sqs:GetQueueUrl queue/bulk-dlq"}),
        ("ssm:GetParameter", {"Name": "/todoku/test/shop/line"}, {"ssm:GetParameter parameter/shop/line"}),
        (
            "stepfunctions:DescribeExecution",
            {"executionArn": "arn:aws:states:r:1:execution:todoku-test-broadcast:run"},
            {"states:DescribeExecution machine/broadcast"},
        ),
        (
            "s3:UploadPart",
            {"Bucket": "todoku-test-123456789012-objects", "Key": "exports/a.csv"},
            {"s3:PutObject object/exports/a.csv"},
        ),
        (
            "s3:signed:GetObject",
            {"Bucket": "todoku-test-123456789012-objects", "Key": "exports/a.csv"},
            {"s3:GetObject object/exports/a.csv", "s3:ListBucket object/*"},
        ),
        ("clock:now", {}, set()),
        ("line:push", {"token": "t"}, set()),
    ],
)
def test_a_call_asks_for_what_iam_calls_it(crossing: str, params: dict[str, Any], wanted: set[str]) -> None:
    """Names of IAM, and resources without stage, account and region."""
    assert {f"{one.action} {one.resource}" for one in asked(crossing, params)} == wanted


@pytest.mark.parametrize(
    ("crossing", "params"),
    [
        ("dynamodb:GetItem", {"TableName": "todoku-prod-friends"}),
        ("sqs:SendMessage", {"QueueUrl": "http://sqs.example/1/todoku-prod-inbox.fifo"}),
        ("ssm:GetParameter", {"Name": "/todoku/prod/shop/line"}),
        ("s3:GetObject", {"Bucket": "todoku-prod-123456789012-objects", "Key": "exports/a.csv"}),
        ("dynamodb:Scan", {"TableName": "todoku-test-friends"}),
        ("dynamodb:DeleteTable", {"TableName": "todoku-test-friends"}),
    ],
)
def test_nobody_reaches_another_stage_or_reads_everything(
    crossing: str, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each function is refused, as AWS refuses it, and the call is not made."""
    monkeypatch.setenv(permissions.ROLES, "refuse")
    for function in permissions.declared()["functions"]:
        made: list[str] = []
        with pytest.raises(ClientError, match="AccessDenied"):
            guard(function)(crossing, params, lambda made=made: made.append("made"))
        assert made == []


def test_the_laptop_says_once_what_aws_would_refuse_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever tries the platform is not stopped by a line that is missing in a policy, but it is seen."""
    monkeypatch.delenv(permissions.ROLES, raising=False)
    monkeypatch.setattr(permissions, "_noted", set())
    call = guard("webhook")
    for _ in range(2):
        assert call("dynamodb:Scan", {"TableName": "todoku-test-friends"}, lambda: 1) == 1
    assert capsys.readouterr().err.count("webhook does not allow dynamodb:Scan") == 1


def test_what_nobody_used_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission that is used leaves a line, once for each process; the others are named."""
    monkeypatch.setenv(permissions.RECORD, str(tmp_path))
    monkeypatch.setattr(permissions, "_noted", set())
    for account in ("shop", "salon"):
        call = guard("webhook")
        assert call("ssm:GetParameter", {"Name": f"/todoku/test/{account}/line"}, lambda: 1) == 1
    (notes,) = tmp_path.iterdir()
    assert notes.read_text() == "webhook ssm:GetParameter parameter/*/line\n"
    never = never_used(tmp_path)
    assert ("webhook", Permission("sqs:SendMessage", "queue/inbox")) in never
    assert ("webhook", Permission("ssm:GetParameter", "parameter/*/line")) not in never


def test_a_surplus_fails_unless_it_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything used or excused: fine. One line less: the permission is named. No notes at all: not fine."""
    assert policies.check_used(tmp_path) == 1
    excused = {(one.function, one.permission) for one in unused()}
    lines = [
        f"{function} {one.action} {one.resource}"
        for function in permissions.declared()["functions"]
        for one in sorted(given(function))
        if (function, one) not in excused
    ]
    (tmp_path / "1.txt").write_text("\n".join(lines))
    assert policies.check_used(tmp_path) == 0
    (tmp_path / "1.txt").write_text("\n".join(lines[1:]))
    capsys.readouterr()
    assert policies.check_used(tmp_path) == 1
    assert json.dumps(lines[0].split()[1])[1:-1] in capsys.readouterr().out
