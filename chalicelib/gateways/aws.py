"""boto3 clients: one per service and process, pooled, with every call crossing the seam."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from chalicelib.gateways import lean, seam
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


def forget_clients() -> None:
    """Drop every client, so that the next call makes a fresh one (tests; after a fork)."""
    client.cache_clear()
    _session.cache_clear()
