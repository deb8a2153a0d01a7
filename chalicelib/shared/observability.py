"""Structured logs (Powertools), and metrics as lines of the log."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from aws_lambda_powertools import Logger

from chalicelib.shared.settings import settings

logger = Logger(service="todoku", level=settings().log_level)


def count(name: str, n: int, at: datetime, **dimensions: str) -> None:
    """Add to a CloudWatch metric of namespace ``Todoku``: one line of the log in embedded metric format.

    Counted per stage and account, and per stage with all the dimensions given; each combination is a metric
    that AWS bills, so a dimension is never a friend or an event.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    values = {"stage": settings().stage, **dimensions}
    sets = [[*values]] + ([["stage", "account"]] if set(values) > {"stage", "account"} else [])
    definition = {
        "Namespace": "Todoku",
        "Dimensions": sets,
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    told = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [definition]}
    sys.stdout.write(json.dumps({"_aws": told, **values, name: n}) + "\n")
