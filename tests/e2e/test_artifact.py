"""What ``make package`` makes is what would run: every function by its handler, under Lambda's own runtime
client, with the packaged files alone, against the emulated AWS.

The app's archive is the one that is deployed. Of the layer the archive for arm64 is inspected; the trial runs
with the same packages for this machine, made smaller and compiled by the same code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chalice.local import LambdaEventConverter, RouteMatcher

from chalicelib.local import wiring
from chalicelib.local.config import ROOT
from tests.e2e.cloud import KEY, SECRET, TOKEN, Cloud
from tests.e2e.lambda_runtime import PYTHON, Function

sys.path.insert(0, str(ROOT / "scripts"))

import package
from rendered import install

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

USER = "U" + "4" * 32
MIRROR = "mirror"
"""The folder of the layer that two functions have besides."""
HAS_MIRROR = {"compact", "ask_mirror"}


@pytest.fixture(scope="module")
def path(build: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The import path of a function: the unpacked app, the layer's packages, the runtime client."""
    root = tmp_path_factory.mktemp("lambda")
    app, layer, runtime = root / "app", root / "layer", root / "runtime"
    with zipfile.ZipFile(build / "deployment.zip") as archive:
        archive.extractall(app)
    install(layer, "requirements.txt")
    package.slim(layer)
    package.compile_all(layer)
    install(runtime, "requirements-trial.txt")
    install(root / MIRROR, "requirements-mirror.txt")
    return [app, layer, runtime]


class Stack:
    """Every function of the app, fed as API Gateway, SQS and EventBridge feed them."""

    def __init__(self, cloud: Cloud, path: list[Path]) -> None:
        self.cloud = cloud
        self.app = wiring.load_app("app")
        self.queues = wiring.queue_handlers(self.app)
        sources = [*self.queues, *wiring.scheduled_handlers(self.app)]
        made = [source.function for source in sources] + [*wiring.lambda_functions(self.app).values()]
        self.functions = {
            one.path: Function(
                one.path,
                [*path, path[0].parent / MIRROR] if one.name in HAS_MIRROR else path,
                cloud.env,
                int(one.timeout_s),
            )
            for one in sorted([*made, wiring.api_function()], key=lambda one: one.path)
        }
        self._converter = LambdaEventConverter(RouteMatcher(list(self.app.routes)))

    def http(
        self, method: str, where: str, body: Any = None, function: str = "app.app", **headers: str
    ) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        sent = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **headers}
        event = self._converter.create_lambda_event(method, where, sent, raw)
        event |= {"body": raw.decode(), "isBase64Encoded": False}
        event.setdefault("stageVariables", None)
        answer = self.functions[function].invoke(event)
        text = answer["body"]
        if answer.get("isBase64Encoded"):
            text = base64.b64decode(text).decode()
        assert answer["statusCode"] < 300, (method, where, answer)
        return json.loads(text) if text else None

    def pump(self, until: Any, seconds: float = 60) -> None:
        """Feed the queues' functions with what waits, until something is true."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            handled = [self._feed(handler) for handler in self.queues]
            if until():
                return
            if not any(handled):
                time.sleep(0.2)
        invoked = {name: function.invocations for name, function in self.functions.items()}
        seen = self.http("GET", f"/v1/accounts/shop/friends/{USER}/activities")["items"]
        raise AssertionError(
            f"it did not come to pass; LINE got {self.cloud.line.delivered}; {invoked}; {seen}"
        )

    def _feed(self, handler: wiring.QueueHandler) -> int:
        sqs = self.cloud.sqs
        url = sqs.get_queue_url(QueueName=handler.queue)["QueueUrl"]
        found = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, handler.batch_size),
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not found:
            return 0
        arn = f"arn:aws:sqs:ap-northeast-1:123456789012:{handler.queue}"
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "ap-northeast-1",
            }
            for message in found
        ]
        answer = self.functions[handler.function.path].invoke({"Records": records})
        assert answer["batchItemFailures"] == [], handler.function.path
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found)

    def stop(self) -> None:
        for function in self.functions.values():
            function.stop()


@pytest.fixture(scope="module")
def stack(path: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    found = Stack(cloud, path)
    yield found
    found.stop()
    cloud.stop()


def test_the_archives_hold_what_is_needed_and_no_more(build: Path) -> None:
    """No local platform, no installer, no developer's tool; compiled for the runtime; binaries for arm64."""
    with zipfile.ZipFile(build / "deployment.zip") as archive:
        names = archive.namelist()
    assert not [name for name in names if "chalicelib/local/" in name or name.startswith("tests/")]
    assert "chalicelib/webhook/__pycache__/front.cpython-311.pyc" in names
    assert (build / "deployment.zip").stat().st_size < 6_000_000
    with zipfile.ZipFile(build / "layer-deployment.zip") as archive:
        layer = archive.namelist()
        unpacked = sum(entry.file_size for entry in archive.infolist())
        header = archive.read(next(n for n in layer if n.endswith("/__pycache__/client.cpython-311.pyc")))[:8]
    top = {name.split("site-packages/")[1].split("/")[0] for name in layer if "site-packages/" in name}
    assert {"boto3", "pynamodb", "linebot", "aws_lambda_powertools", "pydantic"} <= top
    assert not top & {"pip", "setuptools", "wheel", "moto", "pytest", "inquirer", "blessed", "awslambdaric"}
    binaries = [name for name in layer if name.endswith(".so")]
    assert binaries
    assert not [name for name in binaries if "x86_64" in name]
    # PEP 552: the flags of a pyc that is not checked against its source.
    assert int.from_bytes(header[4:8], "little") == 0b01
    assert unpacked < 200_000_000, "Lambda takes 250 MB with the app"


def test_nothing_of_the_developers_can_be_imported(path: list[Path]) -> None:
    """The functions' path holds the package alone: the trial cannot pass by what only a laptop has."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path))}
    for name in ("moto", "pytest", "hypothesis", "chalicelib.local"):
        command = [str(PYTHON), "-S", "-c", f"import {name}"]
        done = subprocess.run(command, cwd=path[0], env=env, capture_output=True, check=False)
        assert b"ModuleNotFoundError" in done.stderr, name


def test_every_function_does_its_work_under_the_runtime_client(stack: Stack) -> None:
    """A friend follows, is greeted, enters a scenario and gets a broadcast, by packaged functions alone."""
    line = stack.cloud.line
    account = "/v1/accounts/shop"
    stack.http(
        "PUT",
        account,
        {"name": "Shop", "channel_secret": SECRET, "channel_access_token": TOKEN, "shards": 4},
    )
    for name in ("hello", "step", "news"):
        text = [{"type": "text", "text": f'{name} {{{{ friend.display_name | default("お客様") }}}}さん'}]
        stack.http("PUT", f"{account}/messages/{name}", {"name": name, "messages": text})
    stack.http("PUT", f"{account}/tags/new", {"name": "新規"})
    nodes = {"s": {"type": "message", "message": "step", "next": None}}
    stack.http("PUT", f"{account}/scenarios/welcome", {"name": "welcome", "start": "s", "nodes": nodes})
    stack.http("POST", f"{account}/scenarios/welcome/publish", {})
    then = [{"add_tag": "new"}, {"reply": {"message": "hello"}}, {"enter_scenario": "welcome"}]
    stack.http(
        "PUT", f"{account}/rules/greet", {"name": "greet", "when": {"event": "followed"}, "then": then}
    )

    event = {
        "type": "follow",
        "webhookEventId": "01HTRIAL000000000000000000",
        "deliveryContext": {"isRedelivery": False},
        "timestamp": int(time.time() * 1000),
        "source": {"type": "user", "userId": USER},
        "replyToken": "reply-token-of-the-trial",
        "mode": "active",
        "follow": {"isUnblocked": False},
    }
    body = json.dumps({"destination": "U" + "0" * 32, "events": [event]}).encode()
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    webhook = "chalicelib.webhook.front.webhook"
    stack.http("POST", "/webhook/shop", body, webhook, **{"x-line-signature": signature})
    stack.pump(lambda: {sent["kind"] for sent in line.delivered} >= {"reply", "push"})
    friend = stack.http("GET", f"{account}/friends/{USER}")
    assert (friend["status"], set(friend["tags"])) == ("following", {"new"})

    stack.http(
        "PUT", f"{account}/broadcasts/b1", {"name": "b1", "audience": {"everyone": True}, "message": "news"}
    )
    stack.http("POST", f"{account}/broadcasts/b1/send", {})
    stack.pump(lambda: stack.http("GET", f"{account}/broadcasts/b1")["status"] == "done")
    shown = stack.http("GET", f"{account}/broadcasts/b1")
    assert (shown["progress"]["planned"], shown["progress"]["accepted"]) == (1, 1)
    texts = [sent["messages"][0]["text"].split()[0] for sent in line.delivered]
    assert sorted(texts) == ["hello", "news", "step"]
    assert line.refused == []

    sweep = {"id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012"}
    sweep |= {
        "time": "2026-11-29T00:00:00Z",
        "region": "ap-northeast-1",
        "resources": [],
        "detail": {},
        "version": "0",
    }
    for function in wiring.scheduled_handlers(stack.app):
        stack.functions[function.function.path].invoke(sweep)
    recover = next(name for name in stack.functions if name.endswith("recover_command"))
    assert isinstance(stack.functions[recover].invoke({}), dict)
    (ops,) = [name for name in stack.functions if name.endswith("workers.ops")]
    found = stack.functions[ops].invoke({"command": "doctor"})
    assert (found["ok"], found["problems"]) == (True, []), "nothing that a day has left is wrong"
    verified = stack.functions[ops].invoke({"command": "friend-hash", "user": USER})
    assert len(verified["friend"]) == 16
    mirror_answers(stack)
    a_minute_is_drained(stack)
    assert {name for name, function in stack.functions.items() if not function.invocations} == set()


def a_minute_is_drained(stack: Stack) -> None:
    """The machine of a minute asks for its drain and hears that it is done (the trial's own minutes end later
    than it does).
    """
    machine = "arn:aws:states:ap-northeast-1:123456789012:stateMachine:todoku-test-minute"
    now = datetime.now(UTC)
    due = {"minute": f"{now:%Y-%m-%dT%H:%MZ}", "drain_at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "timeout_s": 60}
    due["verify_at"] = f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    states = stack.cloud.client("stepfunctions")
    started = states.start_execution(stateMachineArn=machine, input=json.dumps(due))["executionArn"]

    def is_drained() -> bool:
        seen = states.get_execution_history(executionArn=started)["events"]
        return any(event.get("stateExitedEventDetails", {}).get("name") == "Drain" for event in seen)

    stack.pump(is_drained)
    assert stack.functions["chalicelib.heartbeat.workers.minute_tasks"].invocations


def mirror_answers(stack: Stack) -> None:
    """A snapshot is made, and a question to it is answered."""
    (compact,) = [name for name in stack.functions if name.endswith(".compact")]
    (ask,) = [name for name in stack.functions if name.endswith(".ask_mirror")]
    (queue,) = [handler.queue for handler in stack.queues if handler.function.path == compact]
    url = stack.cloud.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    stack.cloud.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"account": "shop"}))
    stack.pump(lambda: stack.functions[compact].invocations > 0)
    asked = {"account": "shop", "condition": {"tag": "new"}, "at": datetime.now(UTC).isoformat()}
    assert stack.functions[ask].invoke(asked) == 1
