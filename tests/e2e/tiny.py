"""Handlers of the smallest app that the local platform can run; called by their deployed paths."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from chalice.app import Blueprint, Chalice

from chalicelib.gateways import queues
from chalicelib.shared.batches import each_message
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


def _note(line: str) -> None:
    path = Path(os.environ["TODOKU_LOCAL_DIR"]) / "notes.txt"
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@bp.route("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@bp.route("/raw", methods=["POST"], content_types=["*/*"])
def raw() -> dict[str, Any]:
    body = bp.current_request.raw_body
    return {"length": len(body), "hex": body.hex()[:64]}


@bp.route("/put/{queue}", methods=["POST"])
def put(queue: str) -> dict[str, Any]:
    body = bp.current_request.json_body
    messages = [
        queues.Message(item, group=item.get("group"), dedup=item.get("dedup"), delay_s=item.get("delay", 0))
        for item in body["items"]
    ]
    return {"refused": queues.send_all(queue, messages)}


@bp.route("/boom")
def boom() -> dict[str, Any]:
    raise RuntimeError("a secret detail")


@bp.on_sqs_message(queue=settings().queue("inbox"), batch_size=10)
def react(event: Any) -> Any:
    """As the reaction does: what fails holds up the rest of its group, and both come again soon."""
    held: set[str] = set()
    failed: list[dict[str, str]] = []
    for record in event.to_dict()["Records"]:
        body, header = json.loads(record["body"]), record["attributes"]
        receives = int(header["ApproximateReceiveCount"])
        if header["MessageGroupId"] in held or body.get("fail", 0) >= receives:
            held.add(header["MessageGroupId"])
            failed.append({"itemIdentifier": record["messageId"]})
            queues.retry_in("inbox", record["receiptHandle"], 1)
        else:
            _note(json.dumps({"inbox": body["n"], "receives": receives}))
    return {"batchItemFailures": failed}


@bp.on_sqs_message(queue=settings().queue("bulk"), batch_size=10)
def bulk(event: Any) -> Any:
    def work(body: dict[str, Any], receives: int) -> None:
        if "sleep" in body:
            _note(json.dumps({"sleeping": body["n"], "receives": receives}))
            time.sleep(body["sleep"])
        _note(json.dumps({"bulk": body["n"], "receives": receives}))

    return each_message(event, work)


@bp.schedule("rate(1 minute)")
def sweep(event: Any) -> None:
    _note(json.dumps({"tick": event.to_dict()["time"]}))


app = Chalice(app_name="tiny")
app.register_blueprint(bp)
