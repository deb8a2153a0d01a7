"""boto3 clients: one per service and process, pooled, with every call crossing the seam."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from chalicelib.gateways import lean, seam, wire
from chalicelib.shared import side_by_side
from chalicelib.shared.settings import settings

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=3,
    read_timeout=20,
    max_pool_connections=32,
    tcp_keepalive=True,
)


_models = botocore.loaders.create_loader()
"""Reads each service's model once per process, whatever becomes of the session."""


class _Crossing:
    """Mixed into every client: an API call is a crossing named ``service:Operation``."""

    def _make_api_call(self, operation_name: str, api_params: dict[str, Any]) -> Any:
        parent: Any = super()
        service = self.meta.service_model.service_name  # type: ignore[attr-defined]
        return seam.cross(
            f"{service}:{operation_name}",
            api_params,
            lambda: self._call(operation_name, api_params, parent),
        )

    def _call(self, operation_name: str, api_params: dict[str, Any], parent: Any) -> Any:
        """Hot calls go the short way, if the process has one."""
        caller: lean.Caller | None = getattr(self, "lean_caller", None)
        if caller is not None and operation_name in lean.OPERATIONS:
            answer = caller.call(operation_name, api_params)
            if answer is not lean.NOT_LEAN:
                return answer
        return parent._make_api_call(operation_name, api_params)


def _mix_in(**kwargs: Any) -> None:
    kwargs["base_classes"].insert(0, _Crossing)


@functools.cache
def _session() -> boto3.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", _models)
    session.register("creating-client-class", _mix_in)
    return boto3.Session(botocore_session=session, region_name=settings().region)


@functools.cache
def client(service: str) -> Any:
    """The process's client of a service (``dynamodb``, ``sqs``, ``stepfunctions``, ``ssm``, ``s3``)."""
    made: Any = _session().client(service, config=_CONFIG)  # type: ignore[call-overload]
    if service in lean.TARGETS and settings().lean_calls:
        made.lean_caller = lean.Caller(made, _session())
    return made


def begin(service: str, operation: str, params: Mapping[str, Any]) -> Callable[[], Any]:
    """Send a call that may be sent twice; what is returned waits for its answer, and returns or raises it.

    Where the process has no short way, all of it is done at once.
    """
    made = client(service)
    caller: lean.Caller | None = getattr(made, "lean_caller", None)
    if caller is None:
        answer = made._make_api_call(operation, dict(params))
        return lambda: answer
    begun = seam.cross(f"{service}:{operation}", params, lambda: caller.begin(operation, params))
    return lambda: caller.end(begun, operation, params)


def read_many(service: str, operation: str, many: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The answers to many calls of an operation that only reads (``Query``), in their order: sent ahead on
    connections of their own from one thread, because threads cost more than such a call. Raises as each.
    """
    made = client(service)
    caller: lean.Caller | None = getattr(made, "lean_caller", None)
    if caller is None:
        return side_by_side.each(lambda params: made._make_api_call(operation, params), many)
    begun = deque(caller.begin(operation, params) for params in many[: side_by_side.AT_ONCE])
    answers = []
    try:
        for number, params in enumerate(many):
            answers.append(_ended(caller, begun[0], service, operation, params))
            begun.popleft()
            following = number + side_by_side.AT_ONCE
            begun.extend(caller.begin(operation, later) for later in many[following : following + 1])
    finally:
        # Not empty after an error: nobody reads these answers, and no other call may find them.
        for one in filter(None, begun):
            one.drop()
    return answers


def _ended(
    caller: lean.Caller, begun: wire.Begun | None, service: str, operation: str, params: Mapping[str, Any]
) -> Any:
    def end() -> Any:
        answer = caller.end(begun, operation, params)
        return client(service)._make_api_call(operation, params) if answer is lean.NOT_LEAN else answer

    return seam.cross(f"{service}:{operation}", params, end)


def forget_clients() -> None:
    """Drop every client, so that the next call makes a fresh one (tests; after a fork)."""
    client.cache_clear()
    _session.cache_clear()
