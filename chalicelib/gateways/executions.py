"""Step Functions: start executions and answer task tokens. Late answers and double starts are harmless."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings


def start(machine: str, name: str, payload: dict[str, Any]) -> bool:
    """Start an execution, or find that one of this name was started before; False: the start is throttled."""
    states = aws.client("stepfunctions")
    try:
        states.start_execution(
            stateMachineArn=settings().machine_arn(machine), name=name, input=json.dumps(payload)
        )
    except states.exceptions.ExecutionAlreadyExists:
        return True
    except states.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"ThrottlingException", "TooManyRequestsException"}:
            return False
        raise
    return True


def is_running(machine: str, name: str) -> bool:
    """Whether the execution of this name is running now; False when it is not known at all."""
    states = aws.client("stepfunctions")
    arn = settings().machine_arn(machine).replace(":stateMachine:", ":execution:") + f":{name}"
    try:
        return bool(states.describe_execution(executionArn=arn)["status"] == "RUNNING")
    except states.exceptions.ExecutionDoesNotExist:
        return False


def succeed(token: str, output: dict[str, Any]) -> None:
    """Answer a task token; a task that timed out, ended or never was counts as answered."""
    states = aws.client("stepfunctions")
    try:
        states.send_task_success(taskToken=token, output=json.dumps(output))
    except (
        states.exceptions.TaskTimedOut,
        states.exceptions.TaskDoesNotExist,
        states.exceptions.InvalidToken,
    ):
        return


def stop(machine: str, name: str, cause: str) -> None:
    """Stop an execution if it is running."""
    states = aws.client("stepfunctions")
    arn = settings().machine_arn(machine).replace(":stateMachine:", ":execution:") + f":{name}"
    try:
        states.stop_execution(executionArn=arn, cause=cause)
    except states.exceptions.ExecutionDoesNotExist:
        return
