"""The gateways against an emulated AWS, and the seam that every call crosses."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.gateways import aws, dynamo, objects, queues, seam, secrets
from chalicelib.shared.settings import settings
from tests.conftest import drain


class Thing(dynamo.Record):
    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = dynamo.Document(null=True)


def test_documents_come_back_as_they_were(cloud: None) -> None:
    """Plain values survive storage, with 4-byte characters, floats and empty containers."""
    body = {"a": 1, "b": 0.1, "c": "髪💇🏽‍♀️", "d": [], "e": {}, "f": None, "g": True, "h": [1, {"x.y": "z"}]}
    Thing(pk="p", sk="s", body=body).save()
    assert Thing.get("p", "s", consistent_read=True).body == body
    Thing("p", "s").update([dynamo.set_path(["body", "h.i"], {"S": 1})])
    assert Thing.get("p", "s").body["h.i"] == {"S": 1}


def test_every_call_crosses_the_seam(cloud: None) -> None:
    """PynamoDB's and boto3's calls are seen by the guard, by service and operation."""
    seen: list[str] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        seen.append(name)
        return call()

    with seam.guarded(guard):
        Thing(pk="p", sk="s").save()
        queues.send("sends", {"n": 1})
        objects.put("k", b"x", "text/plain")
    assert {"dynamodb:PutItem", "sqs:SendMessageBatch", "s3:PutObject"} <= set(seen)


def test_queues_carry_json_in_order(cloud: None) -> None:
    """25 messages of one group arrive complete and in order."""
    refused = queues.send_all(
        "inbox", [queues.Message({"n": n, "text": "届く"}, group="a#u", dedup=str(n)) for n in range(25)]
    )
    assert refused == []
    assert [body["n"] for body in drain("inbox")] == list(range(25))
    assert queues.counts("inbox") == {"waiting": 0, "in_flight": 0, "dlq": 0}


def test_secrets(cloud: None) -> None:
    """Credentials are kept per account; an unknown account has none."""
    assert secrets.find_line_credentials("shop") is None
    secrets.put_line_credentials("shop", {"channel_secret": "s", "channel_access_token": "t"})
    assert secrets.find_line_credentials("shop") == {"channel_secret": "s", "channel_access_token": "t"}
    assert aws.client("s3") is aws.client("s3")
