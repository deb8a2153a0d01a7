"""A restore, rehearsed on the emulated AWS: tables beside their sources, and the program on the new ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.local.config import ROOT
from chalicelib.shared.settings import TABLES, Settings
from tests.e2e.cloud import SECRET, TOKEN, Cloud

sys.path.insert(0, str(ROOT / "scripts"))

import restore

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PREFIX = "todoku-test-restored-"
USED, RESTORED = Settings(stage="test"), Settings(stage="test", tables_prefix=PREFIX)

WORK = """
from chalicelib.gateways import aws
from chalicelib.local import pollers, wiring
from tests.api_client import Api, an_account, an_api

def work():
    sqs = aws.client("sqs")
    for handler in wiring.queue_handlers(wiring.load_app("app")):
        url = sqs.get_queue_url(QueueName=handler.queue)["QueueUrl"]
        while found := sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"]).get("Messages"):
            answer = wiring.load_handler(handler.function.path)(pollers.to_event(handler.queue, found), None)
            assert answer["batchItemFailures"] == [], handler
            for one in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
"""
"""What both programs begin with: the API, and the workers behind it."""

BEFORE = f"""
api = an_api()
shop = an_account(api, channel_secret={SECRET!r}, channel_access_token={TOKEN!r}, shards=2)
for tag in ("vip", "welcomed"):
    api.ok("PUT", f"{{shop}}/tags/{{tag}}", {{"name": tag + "😀"}})
rule = {{"name": "r", "when": {{"event": "tag_added"}}, "if": {{"tag": "vip"}}}}
api.ok("PUT", shop + "/rules/r", rule | {{"then": [{{"add_tag": "welcomed"}}]}})
csv = "user_id,display_name\\nU1,花子\\n".encode()
api.ok("POST", shop + "/friends/import", csv, content_type="text/csv")
work()
"""

AFTER = """
api, shop = Api(), "/v1/accounts/shop"
assert api.ok("GET", shop + "/tags/vip")["name"] == "vip😀"
friend = api.ok("GET", shop + "/friends/U1")
assert (friend["display_name"], friend["tags"]) == ("花子", {}), friend
api.ok("PATCH", shop + "/friends/U1", {"tags": {"add": ["vip"]}})
work()
friend = api.ok("GET", shop + "/friends/U1")
assert set(friend["tags"]) == {"vip", "welcomed"}, friend
assert api.ok("GET", shop + "/friends/U1/activities")["items"]
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.stop()


def run(cloud: Cloud, code: str, **env: str) -> None:
    """Run the program's own code in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", WORK + code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **cloud.env, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_program_runs_on_tables_that_were_restored_beside_the_old_ones(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents, friends and rules are there again as they were, and go on, with the old tables gone."""
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    dynamodb: Any = boto3.client("dynamodb")
    for name in TABLES:
        # The emulated tables have no recovery; on AWS the template turns it on.
        dynamodb.update_continuous_backups(
            TableName=USED.table(name), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    dynamodb.update_time_to_live(
        TableName=USED.table("activities"),
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    run(cloud, BEFORE)

    for _ in range(2):  # the second call finds everything there
        assert restore.main(["--stage", "test", "--prefix", PREFIX]) == 0
    for name in TABLES:
        shown = dynamodb.describe_table(TableName=RESTORED.table(name))["Table"]
        source = dynamodb.describe_table(TableName=USED.table(name))["Table"]
        assert shown["ItemCount"] == source["ItemCount"], name
        assert shown["DeletionProtectionEnabled"] is True
        assert shown.get("LocalSecondaryIndexes") == source.get("LocalSecondaryIndexes")
        dynamodb.delete_table(TableName=USED.table(name))
    expiry = dynamodb.describe_time_to_live(TableName=RESTORED.table("activities"))
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires_at"

    run(cloud, AFTER, TODOKU_TABLES_PREFIX=PREFIX)


def test_a_restore_never_lands_on_the_tables_in_use() -> None:
    """The prefix of the tables in use is refused, before anything is asked of AWS."""
    with pytest.raises(SystemExit):
        restore.main(["--stage", "test", "--prefix", USED.table("")])
