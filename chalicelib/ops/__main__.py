"""An operator's commands: TODOKU_STAGE=prod python -m chalicelib.ops COMMAND [--dry-run] …

Prints one JSON object. Exit status 0: done, and all is well; 1: something is wrong, or was refused; 2: the
command line cannot be understood. Secrets are read from standard input as a JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from chalicelib.shared.errors import TodokuError
from chalicelib.shared.settings import settings, work_in_account


def _parser() -> argparse.ArgumentParser:
    from chalicelib.ops.commands import COMMANDS

    parser = argparse.ArgumentParser(prog="python -m chalicelib.ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.run.__doc__)
        for key, argument in command.takes.items():
            if not argument.secret:
                sub.add_argument(
                    f"--{key.replace('_', '-')}",
                    help=argument.help,
                    required=argument.required,
                    choices=argument.choices,
                    type=int if argument.number else str,
                )
        if any(argument.secret for argument in command.takes.values()):
            secret = [key for key, argument in command.takes.items() if argument.secret]
            sub.epilog = f"Standard input: a JSON object with {' and/or '.join(secret)}."
        if command.changes:
            sub.add_argument("--dry-run", action="store_true", help="only look")
    return parser


def _secrets(names: Sequence[str]) -> dict[str, Any]:
    """Secrets from standard input: a command line is seen by others and kept in histories."""
    if not names:
        return {}
    given = json.loads(sys.stdin.read() or "{}")
    return dict(given) if isinstance(given, dict) else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command; returns the exit status."""
    from chalicelib.ops.commands import COMMANDS, carry_out

    parser = _parser()
    options = vars(parser.parse_args(arguments))
    name = options.pop("command")
    secret = [key for key, argument in COMMANDS[name].takes.items() if argument.secret]
    try:
        given = options | _secrets(secret)
    except ValueError:
        parser.error("standard input must be a JSON object")
    try:
        answer = carry_out(name, given)
    except TodokuError as error:
        answer = {"ok": False, **error.body()}
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    if not settings().is_local:
        import boto3

        work_in_account(boto3.client("sts", region_name=settings().region).get_caller_identity()["Account"])
    sys.exit(main())
