"""CloudWatch metrics of namespace ``Todoku``, as lines of the log in embedded metric format (Powertools).

Each metric is kept per stage, per stage and account where the account is given, and per stage with all the
dimensions given; each combination is a metric that AWS bills, so a dimension is never a friend or an event.
What is counted during one invocation is added up and written once, at its end. docs/operations/metrics.md
lists every name; a test compares.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from chalicelib.shared.settings import settings

NAMESPACE = "Todoku"
NAMES = frozenset(
    {
        *("Line4xx", "Line429", "Line5xx", "LineNoAnswer"),
        *("LedgerFailed", "LedgerUnknown", "QuotaLeft", "RunsHeld"),
        *("ReactionsFailed", "EffectsFailed", "EffectsSkipped", "EffectsUnknown"),
        *("StepsLate", "DeadLettersWritten", "RichMenuDrift"),
        *("RelayDelivered", "RelayRetried", "RelayGivenUp", "RelayLost"),
        *("WebhookRejected", "WebhookUnknownAccount", "WebhookUnavailable"),
    }
)
"""Every metric there is."""
_Key = tuple[str, str, tuple[tuple[str, str], ...]]


class Batch:
    """What one invocation has counted and measured. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Key, float] = {}
        self._values: dict[_Key, list[float]] = {}

    def count(self, name: str, n: float, dimensions: dict[str, str]) -> None:
        """Add to a count."""
        assert name in NAMES, name
        key = (name, "Count", tuple(dimensions.items()))
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + n

    def measure(self, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
        """Keep one value among others."""
        assert name in NAMES, name
        with self._lock:
            self._values.setdefault((name, unit, tuple(dimensions.items())), []).append(value)

    def flush(self) -> None:
        """Write everything as lines of the log, one for each combination of dimensions, and forget it."""
        with self._lock:
            values = {key: [n] for key, n in self._counts.items()} | self._values
            self._counts, self._values = {}, {}
        for dimensions in dict.fromkeys(dimensions for _, _, dimensions in values):
            _emit(dict(dimensions), {key: kept for key, kept in values.items() if key[2] == dimensions})


def _emit(dimensions: dict[str, str], values: dict[_Key, list[float]]) -> None:
    stage = {"stage": settings().stage}
    provider = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, dimension_set=dict(stage))
    if len(dimensions) > 1 and "account" in dimensions:
        provider.add_dimensions(**stage, account=dimensions["account"])
    if dimensions:
        provider.add_dimensions(**stage, **dimensions)
    for (name, unit, _), kept in values.items():
        for value in kept:
            provider.add_metric(name, unit, value)
    if provider.metric_set:  # a hundred values are written at once
        provider.flush_metrics()


_batch: ContextVar[Batch | None] = ContextVar("batch", default=None)


@contextmanager
def batched() -> Iterator[None]:
    """Add up what is counted inside, and write it at the end, whatever the end is."""
    batch = Batch()
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)
        batch.flush()


@contextmanager
def _current() -> Iterator[Batch]:
    batch = _batch.get()
    if batch is not None:
        yield batch
        return
    alone = Batch()
    yield alone
    alone.flush()


def count(name: str, n: float = 1, **dimensions: str) -> None:
    """Add to a count; outside an invocation it is written at once."""
    with _current() as batch:
        batch.count(name, n, dimensions)


def measure(name: str, value: float, unit: str = "None", **dimensions: str) -> None:
    """Note a value (``unit``: one of CloudWatch's); outside an invocation it is written at once."""
    with _current() as batch:
        batch.measure(name, value, unit, dimensions)
