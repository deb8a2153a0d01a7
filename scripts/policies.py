"""Write the roles of the functions: ``infra/permissions.yaml`` as ``.chalice/policy-*.json``.

    .venv/bin/python scripts/policies.py                  write the policies and the table of docs/security.md
    .venv/bin/python scripts/policies.py unused FOLDER    name what nobody used, by the notes in a folder

People read and change the first, Chalice packages the second; a test holds them together.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chalicelib.local import permissions  # noqa: E402 (needs the path above)
from chalicelib.shared.settings import QUEUES, Settings  # noqa: E402

CHALICE = ROOT / ".chalice"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- permissions: begin -->", "<!-- permissions: end -->"

_HERE = "${AWS::Region}:${AWS::AccountId}"
_STAGE = Settings(stage="${Stage}", aws_account_id="${AWS::AccountId}")
_CONSUMER = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
"""What Lambda asks of the role of a function that it feeds from a queue.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


def queue_name(short: str) -> str:
    """The full name of a queue or of its dead letters. Raises KeyError for another name."""
    names = {name: _STAGE.queue(name) for name in QUEUES}
    return (names | {f"{name}-dlq": _STAGE.dead_letters(name) for name in QUEUES})[short]


def arn(action: str, resource: str) -> Any:
    """The resource of a statement for a permission."""
    kind, _, name = resource.partition("/")
    if kind == "table":
        table, _, index = name.partition("/")
        return _sub(f"dynamodb:{_HERE}:table/${{TablesPrefix}}{table}" + (f"/index/{index}" if index else ""))
    if kind == "queue":
        return _sub(f"sqs:{_HERE}:{queue_name(name)}")
    if kind == "parameter":
        return _sub(f"ssm:{_HERE}:parameter/todoku/${{Stage}}/{name}")
    if kind == "object":
        return _sub(f"s3:::{_STAGE.bucket}" + ("" if action == "s3:ListBucket" else f"/{name}"))
    if kind == "function":
        return _sub(f"lambda:{_HERE}:function:todoku-${{Stage}}-{name}")
    if name == "*":
        return "*"  # task tokens: their actions know no resources
    if action == "states:StartExecution":
        return _sub(f"states:{_HERE}:stateMachine:todoku-${{Stage}}-{name}")
    return _sub(f"states:{_HERE}:execution:todoku-${{Stage}}-{name}:*")


def _sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": "arn:${AWS::Partition}:" + text}


def policy(function: str, log_group: str) -> dict[str, Any]:
    """The policy of a function's role."""
    of_function = permissions.declared()["functions"][function]
    statements = [
        statement
        for section, (service, kind) in permissions.SECTIONS.items()
        for statement in _statements(section, service, kind, of_function.get(section, {}))
    ]
    if consumed := of_function.get("consumes"):
        statements.insert(0, _allow("Consumes", _CONSUMER, arn("", f"queue/{consumed}")))
    logs = _sub(f"logs:{_HERE}:log-group:/aws/lambda/${{AWS::StackName}}-{log_group}-*")
    statements.append(_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], logs))
    statements.append(_allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _statements(section: str, service: str, kind: str, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A section's statements: one for all resources on which the same is allowed."""
    alike: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    apart = {"ListBucket", "StartExecution"}
    for name, actions in names.items():
        each = sorted(actions.split())
        for group in ([one for one in each if one not in apart], *([one] for one in each if one in apart)):
            if group:
                full = tuple(f"{service}:{action}" for action in group)
                alike[full].append(arn(full[0], f"{kind}/{name}"))
    for number, (full, resources) in enumerate(alike.items(), 1):
        yield _allow(f"{section.title()}{number}", list(full), resources)


def _allow(sid: str, actions: list[str], resource: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def files() -> dict[Path, str]:
    """Every policy file with the text that it should have."""
    config = json.loads((CHALICE / "config.json").read_text(encoding="utf-8"))
    of_functions = config["stages"]["prod"]["lambda_functions"]
    written = {}
    for function in permissions.declared()["functions"]:
        if function == "api_handler":
            name, log_group = config["iam_policy_file"], "APIHandler"
        else:
            name = of_functions[function]["iam_policy_file"]
            log_group = "".join(part.title() for part in function.split("_"))
        written[CHALICE / name] = json.dumps(policy(function, log_group), indent=2) + "\n"
    return written


def table() -> str:
    """Who may do what, as a table for people."""
    lines = ["| function | on | may |", "|---|---|---|"]
    for function, of_function in permissions.declared()["functions"].items():
        if consumed := of_function.get("consumes"):
            lines.append(f"| `{function}` | `queue/{consumed}` | is fed from it |")
        for section, (_, kind) in permissions.SECTIONS.items():
            lines += [
                f"| `{function}` | `{kind}/{name}` | {', '.join(sorted(actions.split()))} |"
                for name, actions in of_function.get(section, {}).items()
            ]
    return "\n".join(lines)


def page() -> str:
    """docs/security.md with the table in its place."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def check_used(folder: Path) -> int:
    """Print what was given and not used, against the reasons in the file; returns the exit status."""
    if not any(folder.glob("*.txt")):
        print(f"Nothing left its notes in {folder}: run the tests with {permissions.RECORD}={folder}.")
        return 1
    reasons = {(one.function, one.permission) for one in permissions.unused()}
    never = set(permissions.never_used(folder))
    for function, one in sorted(never - reasons):
        print(f"{function} may {one.action} on {one.resource}, which no test makes it do: take it away in")
        print("  infra/permissions.yaml, or test what needs it, or give the reason there under `unused`.")
    for function, one in sorted(reasons - never):
        print(f"{function} did use {one.action} on {one.resource}: `unused` there need not name it.")
    return 1 if never - reasons else 0


def main(arguments: list[str]) -> int:
    """Write, or look for what is not used."""
    if arguments[:1] == ["unused"] and len(arguments) == 2:
        return check_used(Path(arguments[1]))
    if arguments:
        print(__doc__)
        return 2
    for path, text in {**files(), PAGE: page()}.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
