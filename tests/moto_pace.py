"""moto at several times its pace. What a test of a protocol costs is mostly what the emulation costs.

- Items answered by its DynamoDB are written down directly: its serializer asks every attribute value for each
  of its ten possible types, by several spellings. An item's values say themselves what they are.
- Values are compared as they are; its own way asks each of them again and again what it is.
- A query looks at the partition of its key, not through the whole table: all our indexes are of partitions.
- It watches botocore, and not the ``requests`` package, for which it makes thousands of patterns each time.
- Our resources, made once in a process by API calls, are copied into every other empty cloud (``made_once``).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import MockAWS, botocore_stubber
from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

_by_shape = BaseJSONSerializer._serialize_type_structure
_of_whole = Table.query
_cast: Callable[[DynamoType], Any] = DynamoType.cast_value.fget  # type: ignore[attr-defined]


def install() -> None:
    """From now on."""
    BaseJSONSerializer._serialize_type_structure = _of_structure  # type: ignore[method-assign]
    DynamoType.cast_value = property(_value)  # type: ignore[assignment]
    DynamoType.__eq__ = _equals  # type: ignore[method-assign]
    Table.query = _query  # type: ignore[method-assign]
    MockAWS._enable_patching = _enable  # type: ignore[method-assign]
    MockAWS._disable_patching = _disable  # type: ignore[method-assign]


def _value(self: DynamoType) -> Any:
    return self.value if self.type == "S" else _cast(self)


def _equals(self: DynamoType, other: Any) -> bool:
    return bool(self.type == other.type and _value(self) == _value(other))


def _query(self: Table, hash_key: DynamoType | None, *args: Any, **kwargs: Any) -> Any:
    key = hash_key or dict(kwargs.get("hash_key_conditions") or ()).get(self.hash_key_attr)
    whole = self.items
    if key is not None:
        self.items = {key: whole[key]} if key in whole else {}
    try:
        return _of_whole(self, hash_key, *args, **kwargs)
    finally:
        self.items = whole


def _enable(_self: MockAWS, reset: bool = True) -> None:
    botocore_stubber.enabled = True
    if reset:
        BackendDict.reset()


def _disable(_self: MockAWS, remove_data: bool) -> None:
    botocore_stubber.enabled = False
    if remove_data:
        BackendDict.reset()
        reset_model_data()


_made: dict[Hashable, Any] = {}


def made_once(make: Callable[[], None], region: str, name: Hashable) -> None:
    """What ``make`` makes in an empty cloud: tables, queues, buckets of a region. ``name``: what it depends
    on.
    """
    backends = (
        dynamodb_backends[ACCOUNT][region],
        sqs_backends[ACCOUNT][region],
        s3_backends[ACCOUNT]["aws"],
    )
    if (region, name) not in _made:
        make()
        _made[region, name] = _copies([vars(backend) for backend in backends], s3_backends.bucket_accounts)
        return
    contents, buckets = _copies(*_made[region, name])
    for backend, content in zip(backends, contents, strict=True):
        vars(backend).update(content)
    s3_backends.bucket_accounts.update(buckets)


def _copies(contents: list[dict[str, Any]], buckets: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    locks = [queue._messages_lock for queue in contents[1]["queues"].values()]
    own: dict[int, Any] = {id(lock): threading.Condition() for lock in locks}
    return copy.deepcopy((contents, buckets), own)


def _of_structure(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue" and key and value is not None:
        try:
            self._default_serialize(serialized, _plain(value), shape, key)
        except _Binary:
            pass
        else:
            return
    _by_shape(self, serialized, value, shape, key)


class _Binary(Exception):
    """moto's own way knows what is encoded already."""


def _plain(value: Any) -> dict[str, Any]:
    [(kind, inner)] = [(value.type, value.value)] if isinstance(value, DynamoType) else value.items()
    if kind == "M":
        return {"M": {name: _plain(one) for name, one in inner.items()}}
    if kind == "L":
        return {"L": [_plain(one) for one in inner]}
    if kind in {"B", "BS"}:
        raise _Binary
    return {kind: str(inner) if kind in {"S", "N"} else inner}
