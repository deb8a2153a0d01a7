"""Who may do what on AWS: what ``infra/permissions.yaml`` gives a function, and what a call asks for.

The roles of the deployed functions are made from that file (``scripts/policies.py``). Here the same file is
kept at the seam: the laptop and the tests refuse what a function's role does not allow, as AWS would, and
note what was used, so that what nobody uses is found as well. Resources have short names without stage,
account and region: ``table/friends``, ``queue/inbox``, ``parameter/*/line``, ``object/exports/*``,
``machine/broadcast``.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from chalicelib.shared.settings import settings

PERMISSIONS = Path(__file__).resolve().parents[2] / "infra" / "permissions.yaml"
RECORD = "TODOKU_RECORD_CALLS"
"""The variable that names a folder; every process leaves there what its functions used."""
ROLES = "TODOKU_LOCAL_ROLES"
"""The variable by which the laptop refuses, instead of printing, what a role does not allow."""

SECTIONS = {
    "tables": ("dynamodb", "table"),
    "queues": ("sqs", "queue"),
    "parameters": ("ssm", "parameter"),
    "objects": ("s3", "object"),
    "functions": ("lambda", "function"),
    "machines": ("states", "machine"),
}
"""Sections of a function in the file: the service of their actions, and the kind of their resources."""

_ONE_OF_MANY = {
    "SendMessageBatch": "SendMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
    "DeleteMessageBatch": "DeleteMessage",
}
"""Operations on many that IAM knows by the name for one.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html"""

_OF_OBJECTS = {
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions"""


@dataclass(frozen=True, order=True)
class Permission:
    """An IAM action on a resource by its short name, or on a pattern of them."""

    action: str
    resource: str

    def covers(self, asked: Permission) -> bool:
        """Whether a permission that was given allows one that is asked for."""
        return self.action == asked.action and fnmatchcase(asked.resource, self.resource)


@dataclass(frozen=True)
class Unused:
    """A permission that no test uses, and why it is given all the same."""

    function: str
    permission: Permission
    why: str


@functools.cache
def declared(path: Path = PERMISSIONS) -> dict[str, Any]:
    """The file as it is."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


@functools.cache
def given(function: str) -> frozenset[Permission]:
    """What a function's own code may do. Raises KeyError for a function that the file does not name."""
    of_function = declared()["functions"][function]
    return frozenset(
        Permission(f"{service}:{action}", f"{kind}/{name}")
        for section, (service, kind) in SECTIONS.items()
        for name, actions in of_function.get(section, {}).items()
        for action in actions.split()
    )


def read() -> None:
    """Read the file now, for every function, so that no call waits for it."""
    for function in declared()["functions"]:
        given(function)


def unused() -> list[Unused]:
    """What the file says that nobody uses and that is given for a reason."""
    return [
        Unused(function, Permission(action, resource), one["why"])
        for one in declared().get("unused", [])
        for function, resources in one["given"].items()
        for resource, actions in resources.items()
        for action in actions.split()
    ]


def asked(name: str, params: Mapping[str, Any]) -> frozenset[Permission]:
    """What a crossing of the seam needs; nothing when it is no call of AWS."""
    service, _, operation = name.partition(":")
    ask = _ASKS.get(service)
    return frozenset(ask(operation, params)) if ask else frozenset()


def _of_dynamodb(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    for table in params.get("RequestItems") or [params.get("TableName", "*")]:
        short = str(table).removeprefix(settings().table(""))
        index = f"/{params['IndexName']}" if "IndexName" in params else ""
        yield Permission(f"dynamodb:{operation}", f"table/{short}{index}")


def _of_sqs(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    name = str(params.get("QueueName") or str(params.get("QueueUrl") or params.get("SourceArn")))
    name = name.rpartition("/")[2].rpartition(":")[2]
    queue = "queue/" + name.removeprefix(f"todoku-{settings().stage}-").removesuffix(".fifo")
    yield Permission(f"sqs:{_ONE_OF_MANY.get(operation, operation)}", queue)
    # A queue's address is asked for once in a process, whichever function runs in it.
    yield Permission("sqs:GetQueueUrl", queue)


def _of_ssm(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    ours = f"/todoku/{settings().stage}/"
    for name in params.get("Names") or [params.get("Name", "*")]:
        # Not "parameter": a pattern of ours must not meet the whole name of another stage's.
        kind = "parameter" if str(name).startswith(ours) else "another"
        yield Permission(f"ssm:{operation}", f"{kind}/{str(name).removeprefix(ours)}")


def _of_s3(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    operation = operation.removeprefix("signed:")
    action = _OF_OBJECTS.get(operation, operation)
    if params.get("Bucket") != settings().bucket:
        yield Permission(f"s3:{action}", f"bucket/{params.get('Bucket')}")
        return
    if action == "CopyObject":
        yield Permission("s3:PutObject", f"object/{params.get('Key')}")
        yield Permission("s3:GetObject", f"object/{params['CopySource']['Key']}")
    elif action != "ListBucket":
        yield Permission(f"s3:{action}", f"object/{params.get('Key')}")
    if action in {"GetObject", "ListBucket", "CopyObject"}:
        # Without it S3 answers "access denied" for an object that is not there.
        yield Permission("s3:ListBucket", "object/*")


def _of_lambda(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    name = str(params.get("FunctionName")).removeprefix(f"todoku-{settings().stage}-")
    yield Permission(f"lambda:{operation}Function", f"function/{name}")


def _of_states(operation: str, params: Mapping[str, Any]) -> Iterator[Permission]:
    if operation.startswith("SendTask"):
        yield Permission(f"states:{operation}", "machine/*")
        return
    arn = str(params.get("stateMachineArn") or params.get("executionArn"))
    machine = arn.split(":")[6] if arn.count(":") >= 6 else arn
    yield Permission(f"states:{operation}", "machine/" + machine.removeprefix(f"todoku-{settings().stage}-"))


_ASKS: dict[str, Callable[[str, Mapping[str, Any]], Iterator[Permission]]] = {
    "dynamodb": _of_dynamodb,
    "sqs": _of_sqs,
    "ssm": _of_ssm,
    "s3": _of_s3,
    "lambda": _of_lambda,
    "stepfunctions": _of_states,
}


def missing(function: str, name: str, params: Mapping[str, Any]) -> list[Permission]:
    """What a function's call needs and was not given; what it was given is noted as used."""
    wanted = asked(name, params)
    lacking = [one for one in wanted if not _is_given(function, one)]
    for one in wanted.difference(lacking):
        _note(function, one)
    return sorted(lacking)


@functools.lru_cache(maxsize=4096)
def _is_given(function: str, one: Permission) -> bool:
    return any(grant.covers(one) for grant in given(function))


def refusal(function: str, name: str, lacking: list[Permission]) -> ClientError:
    """AWS's own answer to a call that a role does not allow."""
    missing = ", ".join(f"{one.action} on {one.resource}" for one in lacking)
    text = f"the role of {function} does not allow {missing} (infra/permissions.yaml)"
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": text}}, name.partition(":")[2])


def guard(function: str) -> Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]:
    """The identity at the seam while a function of the app runs on the laptop.

    What its role does not allow is printed, once, and refused where ``TODOKU_LOCAL_ROLES`` is ``refuse`` (in
    the tests): whoever tries the platform is not stopped by a line that is missing in a policy.
    """
    refuses = os.environ.get(ROLES) == "refuse"

    def allow(name: str, params: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        lacking = missing(function, name, params)
        if lacking:
            refused = refusal(function, name, lacking)
            if refuses:
                raise refused
            if str(refused) not in _noted:
                _noted.add(str(refused))
                print(f"On AWS this would fail: {refused}", file=sys.stderr, flush=True)
        return call()

    return allow


_noted: set[str] = set()


def _note(function: str, used: Permission) -> None:
    """Leave a line for each permission that is used the first time here, where somebody wants to know."""
    folder = os.environ.get(RECORD)
    if not folder:
        return
    for grant in given(function):
        line = f"{function} {grant.action} {grant.resource}\n"
        if line not in _noted and grant.covers(used):
            _noted.add(line)
            path = Path(folder) / f"{os.getpid()}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(line)


def never_used(folder: Path) -> list[tuple[str, Permission]]:
    """What functions were given and did not use, after everything that left its notes in a folder."""
    used = {line for path in folder.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
    return [
        (function, one)
        for function in declared()["functions"]
        for one in sorted(given(function))
        if f"{function} {one.action} {one.resource}" not in used
    ]
