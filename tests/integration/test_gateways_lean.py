"""The short way of DynamoDB's and SQS's hot calls: what botocore would send, answer, repeat and raise."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from chalicelib.gateways import aws, clock, lean, seam
from chalicelib.shared.settings import Settings

Answer = Callable[[str, Any], tuple[int, Any] | None]


class Server(ThreadingHTTPServer):
    """A DynamoDB or SQS that answers as it is told; None: it hangs up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, Any, dict[str, str]]] = []
        self.answers: list[tuple[int, Any] | None] = []
        self.checksum: int | None = None
        self.usual: Callable[[Any], tuple[int, Any] | None] = lambda _: (200, {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = json.loads(body)
        self.server.seen.append((headers["x-amz-target"], asked, headers | {"body": body.decode()}))
        answer = self.server.answers.pop(0) if self.server.answers else self.server.usual(asked)
        if answer is None:
            self.close_connection = True
            return
        status, answered = answer
        raw = json.dumps(answered).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        checksum = self.server.checksum if self.server.checksum is not None else zlib.crc32(raw)
        self.server.checksum = None
        self.send_header("x-amz-crc32", str(checksum))
        self.send_header("x-amzn-requestid", "R1")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    found = Server()
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
    monkeypatch.setattr(aws, "settings", lambda: Settings(stage="test", lean_calls=1))
    aws.forget_clients()
    waits: list[float] = []
    monkeypatch.setattr(clock, "sleep", waits.append)
    yield found
    aws.forget_clients()
    found.shutdown()
    found.server_close()


GET = {"TableName": "t", "Key": {"pk": {"S": "店#1"}}}


def test_a_call_is_signed_and_goes_out_as_it_is(server: Server) -> None:
    """Target, body and signature are those of the protocol; the answer comes back as the wire has it."""
    item = {"name": {"S": "花😀"}, "rev": {"N": "4"}, "tags": {"M": {}}}
    server.answers = [(200, {"Item": item})]
    assert aws.client("dynamodb").get_item(**GET) == {"Item": item}
    target, body, headers = server.seen[0]
    assert (target, body) == ("DynamoDB_20120810.GetItem", GET)
    signed = {name: headers[name] for name in ("content-type", "x-amz-target")}
    request = AWSRequest("POST", server.url + "/", headers=signed, data=headers["body"].encode())
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials("test", "test"), "dynamodb", "ap-northeast-1")
    request.headers["X-Amz-Date"] = headers["x-amz-date"]
    string = auth.string_to_sign(request, auth.canonical_request(request))
    assert f"Signature={auth.signature(string, request)}" in headers["authorization"]


def test_queue_messages_go_the_same_way(server: Server) -> None:
    """A batch of messages is one call; what SQS refuses is told."""
    refused = {"Id": "0", "Code": "x", "SenderFault": True}
    server.answers = [(200, {"Successful": [], "Failed": [refused]})]
    entries = [{"Id": "0", "MessageBody": "{}"}]
    answer = aws.client("sqs").send_message_batch(QueueUrl="q", Entries=entries)
    assert answer["Failed"][0]["Id"] == "0"
    assert server.seen[0][0] == "AmazonSQS.SendMessageBatch"


def test_messages_are_received_and_deleted_the_same_way(server: Server) -> None:
    """What is there, and what SQS would not delete."""
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "{}", "MD5OfBody": "x"}
    failed = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
    server.answers = [(200, {"Messages": [message]}), (200, {}), (200, {"Failed": [failed]})]
    sqs = aws.client("sqs")
    assert sqs.receive_message(QueueUrl="q", WaitTimeSeconds=10)["Messages"] == [message]
    assert sqs.receive_message(QueueUrl="q").get("Messages", []) == []
    entries = [{"Id": "0", "ReceiptHandle": "r"}]
    assert sqs.delete_message_batch(QueueUrl="q", Entries=entries)["Failed"] == [failed]
    assert [target for target, _, _ in server.seen] == [
        *["AmazonSQS.ReceiveMessage"] * 2,
        "AmazonSQS.DeleteMessageBatch",
    ]


def test_a_condition_that_fails_is_raised_at_once_as_botocore_does(server: Server) -> None:
    """The exception is the client's own, with code, item and the request's id; nothing is repeated."""
    answered = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": {"rev": {"N": "5"}},
    }
    server.answers = [(400, answered)]
    client = aws.client("dynamodb")
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as raised:
        client.update_item(**GET)
    assert raised.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert raised.value.response["Item"] == {"rev": {"N": "5"}}
    assert raised.value.response["ResponseMetadata"]["RequestId"] == "R1"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        (400, {"__type": "x#ProvisionedThroughputExceededException"}),
        (400, {"__type": "ThrottlingException"}),
        (500, {"__type": "InternalServerError"}),
        (503, "no JSON of DynamoDB"),
        None,
    ],
)
def test_what_may_work_later_is_repeated(server: Server, trouble: tuple[int, Any] | None) -> None:
    """Throttles, errors of the service and lost connections are tried again, with the same body."""
    server.answers = [trouble, trouble, (200, {"Attributes": {}})]
    assert aws.client("dynamodb").put_item(TableName="t", Item={"pk": {"S": "a"}}) == {"Attributes": {}}
    assert len(server.seen) == 3
    assert len({json.dumps(body) for _, body, _ in server.seen}) == 1


def test_what_never_works_is_raised_after_the_last_attempt(server: Server) -> None:
    """A throttle that stays is a ClientError, a connection that is always lost an error of the connection."""
    server.answers = [(400, {"__type": "ThrottlingException"})] * lean.ATTEMPTS
    with pytest.raises(ClientError, match="ThrottlingException"):
        aws.client("dynamodb").get_item(**GET)
    assert len(server.seen) == lean.ATTEMPTS
    server.answers = [None] * lean.ATTEMPTS
    with pytest.raises(ConnectionClosedError):
        aws.client("dynamodb").get_item(**GET)


def test_an_answer_that_was_damaged_is_asked_for_again(server: Server) -> None:
    """A checksum that does not fit the answer is as good as no answer."""
    server.checksum = 1
    server.answers = [(200, {"Item": {}}), (200, {"Item": {"a": {"S": "b"}}})]
    assert aws.client("dynamodb").get_item(**GET) == {"Item": {"a": {"S": "b"}}}


def test_nobody_at_the_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that nobody listens at is botocore's EndpointConnectionError."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws.forget_clients()
    with pytest.raises(EndpointConnectionError):
        aws.client("dynamodb").get_item(**GET)


def test_bytes_and_other_operations_take_botocores_way(server: Server) -> None:
    """What plain JSON cannot say is left to botocore, which encodes it."""
    server.answers = [(200, {}), (200, {"Table": {"TableName": "t"}})]
    aws.client("dynamodb").put_item(TableName="t", Item={"pk": {"B": b"\x00\xff"}})
    assert server.seen[0][1]["Item"] == {"pk": {"B": "AP8="}}
    assert aws.client("dynamodb").describe_table(TableName="t")["Table"]["TableName"] == "t"
    assert "Botocore" in server.seen[1][2]["user-agent"]


def test_every_call_still_passes_the_seam(server: Server) -> None:
    """A test can stop, crash or count the short way like any other call."""
    crossed: list[str] = []

    def guard(name: str, _detail: Any, call: Callable[[], Any]) -> Any:
        crossed.append(name)
        return call()

    with seam.guarded(guard):
        aws.client("dynamodb").get_item(**GET)
    assert crossed == ["dynamodb:GetItem"]


MANY = [{"TableName": "t", "Key": {"pk": {"S": f"店#{n}"}}} for n in range(40)]


def as_asked(asked: Any) -> tuple[int, Any]:
    return 200, {"Item": asked["Key"]}


def test_many_reads_are_sent_ahead_and_answered_in_their_order(server: Server) -> None:
    """Each once, each over the seam, on no more connections than may wait together."""
    server.usual = as_asked
    crossed: list[str] = []

    def guard(name: str, detail: Any, call: Callable[[], Any]) -> Any:
        crossed.append(detail["Key"]["pk"]["S"])
        return call()

    for _ in range(2):
        with seam.guarded(guard):
            answers = aws.read_many("dynamodb", "GetItem", MANY)
        assert [answer["Item"] for answer in answers] == [one["Key"] for one in MANY]
    assert crossed == [one["Key"]["pk"]["S"] for one in MANY] * 2
    assert len(server.seen) == 2 * len(MANY)
    assert aws.read_many("dynamodb", "GetItem", []) == []


def test_of_many_reads_what_fails_is_asked_for_again(server: Server) -> None:
    """Lost connections, throttles and damage cost only what they hit; what never works is raised."""
    server.usual = as_asked
    aws.read_many("dynamodb", "GetItem", MANY)
    server.checksum = 1
    server.answers = [None, (400, {"__type": "ThrottlingException"}), (500, {}), None]
    answers = aws.read_many("dynamodb", "GetItem", MANY)
    assert [answer["Item"] for answer in answers] == [one["Key"] for one in MANY]
    server.answers = [(400, {"__type": "x#ResourceNotFoundException"})] * 100
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.read_many("dynamodb", "GetItem", MANY)


def test_many_reads_of_what_plain_json_cannot_say(server: Server) -> None:
    """They take botocore's way, each by itself."""
    server.usual = lambda asked: (200, {"Item": asked["Key"]})
    keys = [{"pk": {"B": bytes([n])}} for n in range(3)]
    answers = aws.read_many("dynamodb", "GetItem", [{"TableName": "t", "Key": key} for key in keys])
    assert [answer["Item"] for answer in answers] == keys


SEND = {"QueueUrl": "http://127.0.0.1/1/q.fifo", "Entries": [{"Id": "0", "MessageBody": "予約"}]}


def test_a_call_that_is_begun_goes_on_by_itself(server: Server) -> None:
    """It is at the service before anybody waits for its answer; over the seam once."""
    there = threading.Event()

    def taken(_asked: Any) -> tuple[int, Any]:
        there.set()
        return 200, {"Successful": [{"Id": "0"}]}

    server.usual = taken
    crossed: list[str] = []

    def guard(name: str, _detail: Any, call: Callable[[], Any]) -> Any:
        crossed.append(name)
        return call()

    with seam.guarded(guard):
        end = aws.begin("sqs", "SendMessageBatch", SEND)
        assert there.wait(5)
        assert end() == {"Successful": [{"Id": "0"}]}
    assert crossed == ["sqs:SendMessageBatch"]
    assert [asked for _, asked, _ in server.seen] == [SEND]


def test_a_call_that_is_begun_and_lost_is_made_again(server: Server) -> None:
    """A hung-up connection costs a second request; what is refused for good is raised at the end."""
    server.answers = [None]
    assert aws.begin("sqs", "SendMessageBatch", SEND)() == {}
    assert len(server.seen) == 2
    server.answers = [(400, {"__type": "x#QueueDoesNotExist"})] * 9
    end = aws.begin("sqs", "SendMessageBatch", SEND)
    with pytest.raises(ClientError, match="QueueDoesNotExist"):
        end()
