"""What AWS would answer of a million friends, made when it is asked for, so that no memory holds them all.

``Answers`` are functions by the name of a crossing (``dynamodb:Query``): a friends' shard, their places in a
scenario, a minute's entries, a bucket in a folder.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.accounts import store as accounts
from chalicelib.accounts.model import Account
from chalicelib.friends import beside
from chalicelib.gateways import seam
from chalicelib.gateways.dynamo import to_av
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.timers import store as timers_store
from chalicelib.timers.model import Slot

Answers = dict[str, Callable[[Any], Any]]

SHARDS = 64
SHOP = Account("shop", "Shop", "Asia/Tokyo", SHARDS)
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def written(work: Callable[[], Any]) -> list[dict[str, Any]]:
    """The items that this would write, raw."""
    items: list[dict[str, Any]] = []

    def keep(name: str, detail: Any, _call: Callable[[], Any]) -> Any:
        items.extend([detail["Item"]] if "Item" in detail else [])
        for writes in detail.get("RequestItems", {}).values():
            items.extend(write["PutRequest"]["Item"] for write in writes)
        return NOW if name == "clock:now" else {}

    with seam.guarded(keep):
        work()
    return items


QUEUES: Answers = {
    "sqs:SendMessageBatch": lambda _: {"Successful": [], "Failed": []},
    "sqs:GetQueueUrl": lambda asked: {"QueueUrl": asked["QueueName"]},
}


def an_account() -> Callable[[Any], Any]:
    """Returns who asks for the account, and says that nothing else is there."""
    (kept,) = written(lambda: accounts.create_account(SHOP))
    control = settings().table("control")
    return lambda detail: {"Item": kept} if detail["TableName"] == control else {}


class Minute:
    """A minute's entries as the table would answer them, made when they are asked for."""

    def __init__(self, size: int) -> None:
        self.at = NOW + timedelta(hours=1)
        slots = [Slot(self._entry(n), at=self.at) for n in range(min(100, size))]
        self._item, *_ = written(lambda: timers_store.put(slots))
        self.held = len(self._item.get("entries", {"L": [1]})["L"])
        self.count = -(-size // self.held)
        self._keys: list[list[str]] = [[] for _ in range(settings().timers_shards)]
        begin = int(self.at.timestamp() * 1000)
        for n in range(self.count):
            ms = begin + n * 40_000 // self.count
            self._keys[n % len(self._keys)].append(f"{ms:013d}#step#shop#{n:08d}")

    def _entry(self, n: int) -> timers.Entry:
        body = {"user_id": f"U{n:032x}", "scenario": "s", "run": 1}
        return timers.Entry(SHOP.id, "step", f"s#U{n:032x}", 1, self.at, group="s#n", body=body)

    def query(self, asked: Any) -> dict[str, Any]:
        """A page of up to 1 MB of a shard."""
        values = asked["ExpressionAttributeValues"]
        keys = self._keys[int(values[":pk"]["S"].rpartition("#")[2])]
        after = asked.get("ExclusiveStartKey", {}).get("sk", values[":after"])["S"]
        since = bisect.bisect_right(keys, after)
        page = keys[since : since + 60]
        items = [{**self._item, "sk": {"S": key}, "at": {"S": self._timestamp(key)}} for key in page]
        more = {"LastEvaluatedKey": {"sk": {"S": page[-1]}}} if since + 60 < len(keys) else {}
        return {"Items": items, **more}

    def _timestamp(self, key: str) -> str:
        return iso(datetime.fromtimestamp(int(key[:13]) / 1000, UTC))

    def answers(self) -> Answers:
        """What drain and verify ask for."""
        bucket = {"Attributes": {"pk": {"S": "BKT"}, "sk": {"S": "BKT"}, "state": {"S": "SEALED"}}}
        drained = {"Item": {**bucket["Attributes"], "state": {"S": "DRAINED"}}}
        return {
            "dynamodb:Query": self.query,
            "dynamodb:UpdateItem": lambda _: bucket,
            "dynamodb:GetItem": lambda _: drained,
            **QUEUES,
        }


class Bucket:
    """S3, in a folder: what is kept there is not in this process's memory."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def path(self, key: str) -> Path:
        """The file that holds an object."""
        return self._folder / key.replace("/", "_")

    def put(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        self.path(detail["Key"]).write_bytes(detail["Body"])
        return {}

    def get(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        file = self.path(detail["Key"]).open("rb")
        size = file.seek(0, io.SEEK_END)
        since = file.seek(int(detail.get("Range", "bytes=0-")[6:-1]))
        return {"Body": file, "ContentLength": size - since}

    def answers(self) -> Answers:
        """What an import and an export ask for."""
        return {
            "s3:PutObject": self.put,
            "s3:GetObject": self.get,
            "s3:CreateMultipartUpload": lambda _: {"UploadId": "upload"},
            "s3:UploadPart": lambda _: {"ETag": "tag"},
        }


class Friends:
    """Friends of a shard as the table would answer them, made when they are asked for."""

    def __init__(self, of_shard: int) -> None:
        self._of_shard = of_shard
        position = {"state": "active", "node": "until", "run": 1, "v": 1, "at": iso(NOW - timedelta(days=2))}
        sheet = {"status": "following", "display_name": "客", "created_at": iso(NOW), "rev": 1}
        sheet |= {"tags": {"vip": {"since": iso(NOW)}}, "scenarios": {"visit": position}}
        self._item = {name: to_av(value) for name, value in sheet.items()}
        run = {"state": "active", "node": "until", "run": 1, "v": 1, "node_at": iso(NOW - timedelta(days=2))}
        run |= {"entered_at": run["node_at"], "due_at": iso(NOW + timedelta(days=2)), "causes": []}
        self._run = {name: to_av(value) for name, value in run.items()}

    def query(self, asked: Any) -> dict[str, Any]:
        """A page of a shard; nothing stands beside its friends."""
        pk = asked["ExpressionAttributeValues"][":pk"]
        if pk["S"].endswith(beside.SUFFIX):
            return {"Items": []}
        begun = asked.get("ExclusiveStartKey")
        first = int(begun["sk"]["S"][1:], 16) + 1 if begun else 0
        last = min(first + int(asked.get("Limit", 1000)), self._of_shard)
        items = [{**self._item, "pk": pk, "sk": {"S": f"U{n:032x}"}} for n in range(first, last)]
        return {"Items": items, **({"LastEvaluatedKey": items[-1]} if last < self._of_shard else {})}

    def runs(self, asked: Any) -> dict[str, Any]:
        """Where these friends stand in the scenario."""
        table = settings().table("enrollments")
        keys = asked["RequestItems"].get(table, {"Keys": []})["Keys"]
        return {"Responses": {table: [self._run | key for key in keys]}}

    def answers(self) -> Answers:
        """What a walk through friends asks for, and what it leaves."""
        known = {"dynamodb:Query": self.query, "dynamodb:BatchGetItem": self.runs}
        return {**known, "dynamodb:GetItem": an_account(), **QUEUES}
