"""What an earlier stack of a stage has left behind, and the template that takes it in again."""

from __future__ import annotations

import json
from typing import Any, Protocol

from botocore.exceptions import ClientError

KEPT = {"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName"}
"""What a deletion of the stack leaves behind, and the property that names it."""

Template = dict[str, Any]


class Aws(Protocol):
    """The account and region that are deployed to."""

    account: str
    s3: Any

    def client(self, service: str) -> Any:
        """A client of a service."""


def kept_resources(aws: Aws, template: Template, stage: str) -> list[dict[str, Any]]:
    """Tables and bucket that an earlier stack of this stage has left behind, as they are imported."""
    found = []
    for logical, resource in template["Resources"].items():
        key = KEPT.get(resource.get("Type", ""))
        if key is None:
            continue
        name = str(resource["Properties"][key]["Fn::Sub"])
        name = name.replace("${Stage}", stage).replace("${AWS::AccountId}", aws.account)
        if _exists(aws, resource["Type"], name):
            kind = {"ResourceType": resource["Type"], "LogicalResourceId": logical}
            found.append(kind | {"ResourceIdentifier": {key: name}})
    return found


def _exists(aws: Aws, kind: str, name: str) -> bool:
    try:
        if kind == "AWS::S3::Bucket":
            aws.s3.head_bucket(Bucket=name)
        else:
            aws.client("dynamodb").describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket", "ResourceNotFoundException"}:
            return False
        raise
    return True


def import_template(template: Template, kept: list[dict[str, Any]]) -> Template:
    """A template with just the resources to import, which is all that an importing change set may hold."""
    names = {resource["LogicalResourceId"] for resource in kept}
    resources = {name: r for name, r in template["Resources"].items() if name in names}
    parameters = {
        name: parameter
        for name, parameter in template["Parameters"].items()
        if f'"{name}"' in json.dumps(resources) or "${" + name + "}" in json.dumps(resources)
    }
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": parameters,
        "Resources": resources,
    }
