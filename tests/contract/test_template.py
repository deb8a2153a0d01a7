"""The deployed template, the settings, the stored records and the handlers say the same."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chalicelib
from chalicelib.deliveries.model import FUNCTION_TIMEOUT_S
from chalicelib.gateways import dynamo
from chalicelib.local import permissions, resources, wiring
from chalicelib.shared.settings import FIFO_QUEUES, MACHINES, QUEUES, TABLES, Settings
from chalicelib.timers.model import DUE

PROD = Settings(stage="prod")


def properties(kind: str) -> list[dict[str, Any]]:
    resolver = resources.Resolver(resources.read_template(), PROD)
    return [
        resolver.resolve({k: v for k, v in resource["Properties"].items() if "Substitutions" not in k})
        for resource in resolver.resources.values()
        if resource.get("Type") == kind
    ]


def records() -> Iterator[type[dynamo.Record]]:
    """Every stored record of every room."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if module.name.endswith(".store") and ".local." not in module.name:
            importlib.import_module(module.name)

    def below(kind: type[Any]) -> Iterator[type[Any]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    for record in below(dynamo.Record):
        if record.__module__.startswith("chalicelib.") and hasattr(record, "Meta"):
            yield record


def test_cfn_lint_is_content(packaged: Path) -> None:
    """cfn-lint finds nothing to say about the merged template."""
    (packaged.parent / "statemachines").symlink_to(resources.INFRA / "statemachines")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "cfn-lint"), str(packaged)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_merged_resource_exists(template: dict[str, Any]) -> None:
    """Nothing of ours is merged into a resource that Chalice does not make."""
    untyped = [name for name, resource in template["Resources"].items() if "Type" not in resource]
    assert untyped == []


def test_no_intrinsic_is_mixed(template: dict[str, Any]) -> None:
    """Merging has left every intrinsic function alone in its object."""

    def walk(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            if len(value) > 1 and any(key == "Ref" or key.startswith("Fn::") for key in value):
                yield path
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from walk(inner, f"{path}[{index}]")

    assert list(walk(template, "")) == []


def test_tables_are_those_of_settings_and_records() -> None:
    """Template, settings and records name the same tables with the same keys."""
    tables = {table["TableName"]: table for table in properties("AWS::DynamoDB::Table")}
    assert set(tables) == {PROD.table(name) for name in TABLES}
    for table in tables.values():
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        assert keys == {"HASH": "pk", "RANGE": "sk"}
    for record in records():
        name = record.Meta.table_name.replace("todoku-test-", "todoku-prod-")
        assert name in tables, f"{record.__qualname__} is kept in a table that the template does not have"
        hash_key, range_key = record._hash_keyname, record._range_keyname
        assert (hash_key, range_key) == ("pk", "sk"), record.__qualname__
        indexes = {index["IndexName"] for index in tables[name].get("LocalSecondaryIndexes", [])}
        assert set(record._indexes) <= indexes


def test_queues_and_machines_are_those_of_settings() -> None:
    """Every queue of the settings exists with its dead letters; every machine with its definition."""
    queues = {queue["QueueName"]: queue for queue in properties("AWS::SQS::Queue")}
    assert set(queues) == {PROD.queue(n) for n in QUEUES} | {PROD.dead_letters(n) for n in QUEUES}
    for name in QUEUES:
        queue = queues[PROD.queue(name)]
        assert bool(queue.get("FifoQueue")) == (name in FIFO_QUEUES)
        assert queue["RedrivePolicy"]["deadLetterTargetArn"].endswith(":" + PROD.dead_letters(name))
        assert queues[PROD.dead_letters(name)].get("FifoQueue") == queue.get("FifoQueue")
    inbox = queues[PROD.queue("inbox")]
    assert (inbox["DeduplicationScope"], inbox["FifoThroughputLimit"]) == (
        "messageGroup",
        "perMessageGroupId",
    )
    machines = {machine["Name"]: machine for machine in properties("AWS::Serverless::StateMachine")}
    assert {PROD.machine_arn(n).rpartition(":")[2] for n in MACHINES} == set(machines)
    for machine in machines.values():
        json.loads((resources.INFRA / machine["DefinitionUri"]).read_text())


def test_every_queue_has_one_handler_that_reports_failures(functions: dict[str, dict[str, Any]]) -> None:
    """Each queue is consumed by one function, which tells its failed messages one by one."""
    sources = [
        (event["Properties"], function)
        for function in functions.values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    consumed = [source["Queue"]["Fn::Sub"].rpartition(":")[2] for source, _ in sources]
    assert sorted(consumed) == sorted(PROD.queue(name) for name in QUEUES)
    visible = {
        queue["QueueName"]: queue.get("VisibilityTimeout", 30) for queue in properties("AWS::SQS::Queue")
    }
    for source, function in sources:
        name = source["Queue"]["Fn::Sub"].rpartition(":")[2]
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert visible[name] >= 6 * function["Timeout"], (
            f"{name}: visibility below 6 x the function's timeout"
        )


def test_handlers_are_the_apps(functions: dict[str, dict[str, Any]]) -> None:
    """What is deployed is what the laptop polls: the same handlers by the same paths."""
    app = wiring.load_app("app")
    sources = [*wiring.queue_handlers(app), *wiring.scheduled_handlers(app)]
    local = [source.function for source in sources] + [*wiring.lambda_functions(app).values()]
    assert set(functions) == {function.path for function in local} | {"app.app"}
    for function in [*local, wiring.api_function()]:
        assert callable(wiring.load_handler(function.path))
        assert function.timeout_s == functions[function.path]["Timeout"]
        assert function.memory_mb == functions[function.path]["MemorySize"]
    assert functions["chalicelib.deliveries.workers.send"]["Timeout"] == FUNCTION_TIMEOUT_S


def test_the_webhook_has_its_own_function(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    """LINE's path is answered by the lean function, which API Gateway may call; all else by the API's."""
    logical = functions["chalicelib.webhook.front.webhook"]["logical"]
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    targets = {
        path: method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for path, methods in paths.items()
        for method in methods.values()
        if "x-amazon-apigateway-integration" in method and "uri" in method["x-amazon-apigateway-integration"]
    }
    assert "${" + logical + ".Arn}" in targets.pop("/webhook/{account}")
    assert all("${APIHandler.Arn}" in target for target in targets.values())
    permission = template["Resources"]["WebhookInvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": logical}
    assert functions["chalicelib.webhook.front.webhook"]["Timeout"] == 10
    assert functions["chalicelib.reaction.workers.react"]["Timeout"] == 10


def test_gateway_responses_have_the_contracts_shape(template: dict[str, Any]) -> None:
    """What API Gateway answers by itself looks like our errors."""
    body = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    responses = body["x-amazon-apigateway-gateway-responses"]
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"} <= set(responses)
    for response in responses.values():
        text = response["responseTemplates"]["application/json"]
        error = json.loads(text.replace("$context.error.messageString", '"x"'))["error"]
        assert set(error) == {"code", "message", "details"}
    assert responses["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == 404


def test_each_function_may_do_what_it_needs_and_no_more(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    """Roles are per function; each consumes its own queue only; none scans or administers tables."""
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]
    assert len(set(roles)) == len(roles)
    for handler, function in functions.items():
        document = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"][0]
        statements = document["PolicyDocument"]["Statement"]
        actions = {action for statement in statements for action in _list(statement["Action"])}
        assert "logs:PutLogEvents" in actions
        assert not {a for a in actions if a.endswith("*") or a in {"dynamodb:Scan", "dynamodb:DeleteTable"}}
        consumed = {
            resource["Fn::Sub"].rpartition(":")[2].replace("${Stage}", "prod")
            for statement in statements
            if "sqs:ReceiveMessage" in statement["Action"]
            for resource in _list(statement["Resource"])
            if "-dlq" not in resource["Fn::Sub"]
        }
        sources = {
            event["Properties"]["Queue"]["Fn::Sub"].rpartition(":")[2]
            for event in function.get("Events", {}).values()
            if event["Type"] == "SQS"
        }
        assert consumed == sources, handler


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_queue_and_function_is_watched(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    """Each dead-letter queue, each queue's age and each function's errors have an alarm that tells."""
    alarms = [
        r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert all(alarm["AlarmActions"] for alarm in alarms)
    watched = {
        (alarm["MetricName"], json.dumps(alarm["Dimensions"][0]["Value"], sort_keys=True))
        for alarm in alarms
        if "Dimensions" in alarm
    }
    for function in functions.values():
        assert ("Errors", json.dumps({"Ref": function["logical"]})) in watched
        assert ("Throttles", json.dumps({"Ref": function["logical"]})) in watched
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue":
            dead = name.endswith("DeadLetters")
            metric = "ApproximateNumberOfMessagesVisible" if dead else "ApproximateAgeOfOldestMessage"
            assert (metric, json.dumps({"Fn::GetAtt": [name, "QueueName"]})) in watched, name


@pytest.mark.parametrize("function", ["minute_tasks", "sweep", "recover", "ops"])
def test_whoever_feeds_what_is_due_may_send_it(function: str) -> None:
    """The timers' functions may send to the queue of every kind of entry."""
    for kind in DUE.values():
        assert permissions.Permission("sqs:SendMessage", f"queue/{kind.queue}") in permissions.given(function)
