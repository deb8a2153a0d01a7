"""Create the resources of ``infra/template.yaml`` in an emulated AWS, from the template itself."""

from __future__ import annotations

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import yaml

from chalicelib.gateways import aws
from chalicelib.local.config import time_scale
from chalicelib.shared.settings import Settings, settings

INFRA = Path(__file__).resolve().parents[2] / "infra"
_LEAST_HIDDEN_S = 100


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation's short forms (``!Sub x``) as ``{"Fn::Sub": x}``."""


def _intrinsic(loader: _TemplateLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)  # the one form that JSON templates may have
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


@functools.cache
def read_template(path: Path = INFRA / "template.yaml") -> dict[str, Any]:
    """The template with its short forms in their long form; read once, never change it."""
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = yaml.load(file, Loader=_TemplateLoader)  # noqa: S506 (a SafeLoader)
    return document


class Resolver:
    """Answers intrinsics of one template for one stage: names, ARNs and queue URLs."""

    def __init__(self, template: dict[str, Any], at: Settings) -> None:
        self.resources: dict[str, dict[str, Any]] = template["Resources"]
        self.parameters: dict[str, dict[str, Any]] = template.get("Parameters", {})
        self.at = at

    def resolve(self, value: Any) -> Any:
        """A property's value with every intrinsic replaced by what it stands for."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Fn::Sub":
                return self._sub(inner)
            if key == "Ref":
                return self._ref(inner)
            if key == "Fn::GetAtt":
                return self.arn(inner[0])
        return {key: self.resolve(inner) for key, inner in value.items()}

    def _pseudo(self) -> dict[str, str]:
        return {
            "Stage": self.at.stage,
            "AWS::AccountId": self.at.aws_account_id,
            "AWS::Region": self.at.region,
            "AWS::Partition": "aws",
        }

    def _sub(self, text: str) -> str:
        for name, value in self._pseudo().items():
            text = text.replace("${" + name + "}", value)
        return text

    def _ref(self, name: str) -> str:
        if name in self._pseudo():
            return self._pseudo()[name]
        if name in self.parameters:
            return str(self.parameters[name].get("Default", ""))
        if self.resources[name]["Type"] == "AWS::SQS::Queue":
            queue_name = self.resolve(self.resources[name]["Properties"]["QueueName"])
            answer = aws.client("sqs").get_queue_url(QueueName=queue_name)
            return str(answer["QueueUrl"])
        return name

    def arn(self, logical: str) -> str:
        """The ARN of a resource of the template."""
        resource = self.resources[logical]
        at, properties = self.at, resource.get("Properties", {})
        if resource["Type"] == "AWS::SQS::Queue":
            return f"arn:aws:sqs:{at.region}:{at.aws_account_id}:{self.resolve(properties['QueueName'])}"
        if resource["Type"] == "AWS::IAM::Role":
            return f"arn:aws:iam::{at.aws_account_id}:role/{logical}"
        if resource["Type"] == "AWS::DynamoDB::Table":
            table = self.resolve(properties["TableName"])
            return f"arn:aws:dynamodb:{at.region}:{at.aws_account_id}:table/{table}"
        return f"arn:aws:todoku:::{logical}"


def create_all() -> None:
    """Create whatever of the template does not exist yet."""
    create_tables()
    create_queues()
    create_buckets()
    create_machines()


def create_tables() -> None:
    """Create the tables that do not exist yet."""
    resolver = Resolver(read_template(), settings())
    dynamodb = aws.client("dynamodb")
    wanted = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes")
    for properties in _properties(resolver, "AWS::DynamoDB::Table"):
        # No ListTables: the laptop's store reads every key of every table for it.
        with contextlib.suppress(dynamodb.exceptions.ResourceInUseException):
            dynamodb.create_table(**{k: properties[k] for k in wanted if k in properties})
    for properties in _properties(resolver, "AWS::DynamoDB::Table"):
        dynamodb.get_waiter("table_exists").wait(
            TableName=properties["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )


def create_queues() -> None:
    """Create the queues, dead letters first, with the template's attributes (also where they exist)."""
    sqs = aws.client("sqs")
    resolver = Resolver(read_template(), settings())
    queues = list(_properties(resolver, "AWS::SQS::Queue"))
    for properties in sorted(queues, key=lambda p: "RedrivePolicy" in p):
        attributes = {
            key: json.dumps(value)
            if isinstance(value, dict)
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
            for key, value in properties.items()
            if key not in {"QueueName", "Tags"}
        }
        if hidden := attributes.get("VisibilityTimeout"):
            attributes["VisibilityTimeout"] = str(hidden_s(int(hidden), time_scale()))
        try:
            sqs.create_queue(QueueName=properties["QueueName"], Attributes=attributes)
        except sqs.exceptions.QueueNameExists:
            url = sqs.get_queue_url(QueueName=properties["QueueName"])["QueueUrl"]
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def hidden_s(seconds: int, scale: float) -> int:
    """A queue's visibility timeout where functions have so much of their time: it is six times that of its
    function, and what is stopped comes back sooner where it is stopped sooner. Where time is short it is no
    less than a chunk's lease, so that whoever gets the chunk again finds it free.
    """
    return round(max(seconds * scale, min(seconds, _LEAST_HIDDEN_S)))


def create_buckets() -> None:
    """Create the buckets that do not exist yet."""
    s3 = aws.client("s3")
    resolver = Resolver(read_template(), settings())
    for properties in _properties(resolver, "AWS::S3::Bucket"):
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(
                Bucket=properties["BucketName"],
                CreateBucketConfiguration={"LocationConstraint": settings().region},
            )


def create_machines() -> None:
    """Create the state machines from their ASL files."""
    resolver = Resolver(read_template(), settings())
    for properties in _properties(resolver, "AWS::Serverless::StateMachine"):
        definition = (INFRA / properties["DefinitionUri"]).read_text(encoding="utf-8")
        for name, value in properties.get("DefinitionSubstitutions", {}).items():
            definition = definition.replace("${" + name + "}", value)
        aws.client("stepfunctions").create_state_machine(
            name=properties["Name"], definition=definition, roleArn=properties["Role"]
        )


def _properties(resolver: Resolver, kind: str) -> list[dict[str, Any]]:
    return [
        resolver.resolve(resource["Properties"])
        for resource in resolver.resources.values()
        if resource.get("Type") == kind
    ]
