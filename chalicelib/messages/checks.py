"""What is wrong with messages before LINE says so."""

from __future__ import annotations

from typing import Any

from chalicelib.messages import variables
from chalicelib.shared.errors import Detail


def check(messages: list[dict[str, Any]]) -> list[Detail]:
    """What LINE would refuse in final message objects; empty when nothing."""
    return [
        Detail(f"messages[{n}].type", "every message object has a type")
        for n, message in enumerate(messages)
        if not isinstance(message.get("type"), str)
    ]


def check_templates(messages: list[dict[str, Any]]) -> list[Detail]:
    """What can never work in message objects with variables, whoever the friend is."""
    return [*variables.problems(messages), *check(messages)]
