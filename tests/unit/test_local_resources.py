"""What the laptop makes of the template, where time is scaled."""

from __future__ import annotations

import pytest

from chalicelib.deliveries.model import LEASE
from chalicelib.gateways import aws, queues
from chalicelib.local import resources


@pytest.mark.parametrize(
    ("seconds", "scale", "hidden"),
    [(360, 1, 360), (60, 1, 60), (360, 0.1, 100), (60, 0.1, 60), (5400, 0.1, 540), (360, 2, 720)],
)
def test_a_message_is_hidden_in_proportion_to_its_functions_time(
    seconds: int, scale: float, hidden: int
) -> None:
    """Six times the timeout on AWS; where time is short, longer than a chunk's lease all the same."""
    assert resources.hidden_s(seconds, scale) == hidden
    assert LEASE.total_seconds() < resources._LEAST_HIDDEN_S


def test_queues_are_made_so(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the platform have it, whatever they had before."""
    found = []
    for scale in ("1", "0.1"):
        monkeypatch.setenv("TODOKU_LOCAL_TIME_SCALE", scale)
        resources.create_queues()
        answer = aws.client("sqs").get_queue_attributes(
            QueueUrl=queues.url("bulk"), AttributeNames=["VisibilityTimeout"]
        )
        found.append(answer["Attributes"]["VisibilityTimeout"])
    assert found == ["360", "100"]
