"""The emulated AWS as a process: SQS through boto3, and what survives a SIGKILL."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.local.config import ROOT, free_ports

REGION = "ap-northeast-1"


class Cloud:
    """``python -m chalicelib.local.cloud`` on one folder and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "chalicelib.local.cloud", "--port", str(self.port)]
        self.process = subprocess.Popen([*command, "--dir", str(self.folder)], cwd=ROOT)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(BotoCoreError, ClientError):
                self.client("sqs").list_queues()
                return
            time.sleep(0.05)
        raise AssertionError("the cloud did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("shared"))
    cloud.start()
    yield cloud
    cloud.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Cloud]]:
    cloud = Cloud(tmp_path)

    def begin() -> Cloud:
        cloud.start()
        return cloud

    yield begin
    cloud.kill()


def send_batch(sqs: Any, url: str, bodies: list[str], group: str | None = None) -> None:
    extra = [{"MessageGroupId": group, "MessageDeduplicationId": body} if group else {} for body in bodies]
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": str(n), "MessageBody": body, **more}
            for n, (body, more) in enumerate(zip(bodies, extra, strict=True))
        ],
    )
    assert len(answer["Successful"]) == len(bodies)


def test_boto3_sees_sqs(shared: Cloud) -> None:
    """Attributes, ids, digests, sequence numbers and counts are where boto3's callers expect them."""
    sqs = shared.client("sqs")
    url = sqs.create_queue(QueueName="seen.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    assert sqs.get_queue_url(QueueName="seen.fifo")["QueueUrl"] == url
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="髪",
        MessageGroupId="g",
        MessageDeduplicationId="1",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}},
    )
    assert int(sent["SequenceNumber"]) > 0
    (message,) = sqs.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert (message["Body"], message["MessageId"]) == ("髪", sent["MessageId"])
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"]["kind"]["StringValue"] == "x"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["MessageGroupId"] == "g"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert attributes["QueueArn"] == f"arn:aws:sqs:{REGION}:123456789012:seen.fifo"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_boto3_sees_sqs_errors(shared: Cloud) -> None:
    """Errors arrive as the exceptions that SQS's model names, and as failures of single batch entries."""
    sqs = shared.client("sqs")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nope")
    url = sqs.create_queue(QueueName="errors.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName="errors.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "5"})
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.send_message_batch(QueueUrl=url, Entries=[])
    with pytest.raises(ClientError, match="MessageDeduplicationId"):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        sqs.tag_queue(QueueUrl=url, Tags={"a": "b"})
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "good", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
            {"Id": "bad", "MessageBody": "x", "MessageDeduplicationId": "2"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("bad", "MissingParameter")]


def test_a_long_poll_answers_when_something_comes(shared: Cloud) -> None:
    """A receiver that waits gets a message as soon as it is sent, not when its time is over."""
    sqs = shared.client("sqs")
    url = sqs.create_queue(QueueName="poll")["QueueUrl"]
    threading.Timer(0.5, lambda: shared.client("sqs").send_message(QueueUrl=url, MessageBody="x")).start()
    started = time.monotonic()
    assert len(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]) == 1
    assert 0.4 < time.monotonic() - started < 5


def test_a_backlog_does_not_slow_it_down(shared: Cloud) -> None:
    """With 20,000 messages waiting, a batch is sent, and received, in a few milliseconds.

    Alone on two cores it takes 7,000 messages a second; the bounds leave room for busy machines.
    """
    sqs = shared.client("sqs")
    url = sqs.create_queue(
        QueueName="backlog.fifo", Attributes={"FifoQueue": "true", "DeduplicationScope": "messageGroup"}
    )["QueueUrl"]
    started = time.monotonic()
    for n in range(2000):
        send_batch(sqs, url, [f"{n}-{k}" for k in range(10)], group=f"g{n % 500}")
    assert 20_000 / (time.monotonic() - started) > 500
    started = time.monotonic()
    for _ in range(50):
        assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 10
    assert (time.monotonic() - started) / 50 < 0.1


def test_nothing_acknowledged_is_lost_by_a_kill(start: Callable[[], Cloud]) -> None:
    """SIGKILL amid sends and deletes: what was acknowledged is there, in order; what was deleted is not."""
    cloud = start()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(
        QueueName="q.fifo", Attributes={"FifoQueue": "true", "DeduplicationScope": "messageGroup"}
    )["QueueUrl"]
    acknowledged: dict[str, list[int]] = {}
    deleted: set[tuple[str, int]] = set()

    def produce(group: str) -> None:
        client, n = cloud.client("sqs"), 0
        acknowledged[group] = []
        with contextlib.suppress(BotoCoreError, ClientError):
            while True:
                send_batch(client, url, [f"{n + k}" for k in range(10)], group=group)
                acknowledged[group] += range(n, n + 10)
                n += 10

    def consume() -> None:
        client = cloud.client("sqs")
        with contextlib.suppress(BotoCoreError, ClientError):
            while True:
                ask = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
                answer = client.receive_message(
                    QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"], **ask
                )
                for message in answer.get("Messages", []):
                    client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    deleted.add((message["Attributes"]["MessageGroupId"], int(message["Body"])))

    threads = [threading.Thread(target=produce, args=(group,)) for group in "abc"]
    threads.append(threading.Thread(target=consume))
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    cloud.kill()
    for thread in threads:
        thread.join()
    cloud.start()
    left: dict[str, list[int]] = {group: [] for group in "abc"}
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for message in messages:
            left[message["Attributes"]["MessageGroupId"]].append(int(message["Body"]))
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)],
        )
    assert sum(map(len, acknowledged.values())) > 100
    for group in "abc":
        assert left[group] == sorted(left[group])
        done = {number for of, number in deleted if of == group}
        # One delete may have been done and its answer lost.
        assert len((set(acknowledged[group]) - done) - set(left[group])) <= 1
        assert not done & set(left[group])


def test_secrets_and_objects_survive_a_kill(start: Callable[[], Cloud]) -> None:
    """SSM parameters and S3 objects are there again after SIGKILL, deleted ones are not; secrets are 0600."""
    cloud = start()
    ssm, s3 = cloud.client("ssm"), cloud.client("s3")
    for name, value in (("/todoku/a/line", "秘密"), ("/todoku/b/line", "x")):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    ssm.put_parameter(Name="/todoku/a/line", Value="新しい秘密", Type="SecureString", Overwrite=True)
    ssm.delete_parameter(Name="/todoku/b/line")
    s3.create_bucket(Bucket="box", CreateBucketConfiguration={"LocationConstraint": REGION})
    data = bytes(range(256)) * 1000
    for key in ("uploads/髪 & co?.csv", "gone", "also-gone"):
        s3.put_object(Bucket="box", Key=key, Body=data, ContentType="text/csv", Metadata={"by": "me"})
    s3.delete_object(Bucket="box", Key="gone")
    s3.delete_objects(Bucket="box", Delete={"Objects": [{"Key": "also-gone"}]})
    assert (cloud.folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    cloud.kill()
    cloud.start()
    found = ssm.get_parameter(Name="/todoku/a/line", WithDecryption=True)["Parameter"]["Value"]
    assert found == "新しい秘密"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/todoku/b/line")
    answer = s3.get_object(Bucket="box", Key="uploads/髪 & co?.csv")
    assert (answer["Body"].read(), answer["ContentType"], answer["Metadata"]) == (
        data,
        "text/csv",
        {"by": "me"},
    )
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="box")["Contents"]] == ["uploads/髪 & co?.csv"]


def test_a_file_arrives_by_its_address_whatever_it_is_called(start: Callable[[], Cloud]) -> None:
    """A presigned PUT keeps the body of every client: urllib calls it a form unless it is told otherwise."""
    s3 = start().client("s3")
    s3.create_bucket(Bucket="box", CreateBucketConfiguration={"LocationConstraint": REGION})
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "box", "Key": "file"}, ExpiresIn=60)
    for number, headers in enumerate(
        (
            {},
            {"Content-Type": "multipart/form-data; boundary=x"},
            {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"},
        )
    ):
        data = f"user_id\n花子{number}\n".encode()
        body = iter([data]) if "Transfer-Encoding" in headers else data
        request = urllib.request.Request(url, body, headers, method="PUT")
        assert urllib.request.urlopen(request, timeout=30).status == 200
        assert s3.get_object(Bucket="box", Key="file")["Body"].read() == data


def test_a_state_machine_sends_to_the_durable_queue(start: Callable[[], Cloud]) -> None:
    """``sqs:sendMessage.waitForTaskToken`` arrives in our SQS, and its answer lets the execution go on."""
    cloud = start()
    sqs, states = cloud.client("sqs"), cloud.client("stepfunctions")
    url = sqs.create_queue(QueueName="tasks")["QueueUrl"]
    definition = (ROOT / "infra/statemachines/minute.asl.json").read_text().replace("${QueueUrl}", url)
    machine = states.create_state_machine(
        name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/x"
    )["stateMachineArn"]
    past = "2026-01-01T00:00:00Z"
    given = f'{{"minute": "m", "drain_at": "{past}", "verify_at": "{past}", "timeout_s": 60}}'
    run = states.start_execution(stateMachineArn=machine, name="one", input=given)["executionArn"]
    for task in ("drain", "verify"):
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        body = json.loads(message["Body"])
        assert body["task"] == task
        states.send_task_success(taskToken=body["token"], output="{}")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    deadline = time.monotonic() + 10
    while states.describe_execution(executionArn=run)["status"] == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert states.describe_execution(executionArn=run)["status"] == "SUCCEEDED"
