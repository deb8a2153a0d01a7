"""moto at several times its pace. What a test of a protocol costs is mostly what the emulation costs.

- An expression is taken apart once in a process, and not twice in every request. Its tree is walked by the
  classes of its nodes: asking an abstract class about each node costs more than the step.
- Items and trees are copied as what they are.
- Values are compared as they are; its own way asks each of them again and again what it is.
- A query looks at the partition of its key, not through the whole table: all our indexes are of partitions.
- It watches botocore, and not the ``requests`` package, for which it makes thousands of patterns each time.
- Our resources, made once in a process by API calls, are copied into every other empty cloud (``made_once``).
"""

from __future__ import annotations

import copy
import functools
import pickle
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import MockAWS, botocore_stubber
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes
from moto.dynamodb.parsing.expressions import UpdateExpressionParser
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

_of_whole = Table.query
_cast: Callable[[DynamoType], Any] = DynamoType.cast_value.fget  # type: ignore[attr-defined]


def install() -> None:
    """From now on."""
    DynamoType.cast_value = property(_value)  # type: ignore[assignment]
    DynamoType.__eq__ = _equals  # type: ignore[method-assign]
    DynamoType.__deepcopy__ = _copied  # type: ignore[method-assign]
    Table.query = _query  # type: ignore[method-assign]
    UpdateExpressionParser.make = staticmethod(functools.cache(UpdateExpressionParser.make))
    ConditionExpressionParser._lex_condition_expression = _lexed  # type: ignore[method-assign]
    ast_nodes.Node.__deepcopy__ = lambda self, _memo: pickle.loads(pickle.dumps(self))
    ast_nodes.Node.find_clauses = _clauses
    ast_nodes.DepthFirstTraverser.traverse_node_recursively = _traverse
    MockAWS._enable_patching = _enable  # type: ignore[method-assign]
    MockAWS._disable_patching = _disable  # type: ignore[method-assign]


def _value(self: DynamoType) -> Any:
    return self.value if self.type == "S" else _cast(self)


def _equals(self: DynamoType, other: Any) -> bool:
    return bool(self.type == other.type and _value(self) == _value(other))


def _copied(self: DynamoType, _memo: Any = None) -> DynamoType:
    copied = DynamoType.__new__(DynamoType)
    copied.type, value = self.type, self.value
    if self.type == "M":
        value = {name: _copied(one) for name, one in value.items()}
    elif self.type == "L":
        value = [_copied(one) for one in value]
    elif isinstance(value, list):
        value = list(value)
    copied.value = value
    return copied


_lex = ConditionExpressionParser._lex_condition_expression
_lexemes: dict[str, tuple[Any, ...]] = {}


def _lexed(self: ConditionExpressionParser) -> deque[Any]:
    expression = self.condition_expression or ""
    if expression not in _lexemes:
        _lexemes[expression] = tuple(_lex(self))
    return deque(_lexemes[expression])


_is = functools.cache(issubclass)
_WITH_CLAUSES = (ast_nodes.Expression, ast_nodes.UpdateExpressionFunction)


def _clauses(self: Any, kinds: Any) -> list[Any]:
    found = []
    for child in self.children or ():
        if type(child) in kinds:
            found.append(child)
        elif _is(type(child), _WITH_CLAUSES):
            found.extend(_clauses(child, kinds))
    return found


_wanted: dict[type, tuple[type, ...]] = {}


def _traverse(self: Any, node: Any, child_id: int = -1) -> Any:
    kind = type(node)
    if not _is(kind, ast_nodes.Node):
        return node
    wanted = _wanted.get(type(self)) or _wanted.setdefault(type(self), tuple(self._processing_map()))
    parent = node.parent
    for place, child in enumerate(node.children or ()):
        self.pre_processing_of_child(node, place)
        _traverse(self, child, place)
    if _is(kind, wanted):
        node = self.process(node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
    return node


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
