"""CloudFormation makes the whole stack of what ``make package`` writes, as far as moto's CloudFormation goes.

The template takes the way of a deployment: uploaded and pointed to by ``scripts/deploy.py``, transformed by
AWS's own SAM translator, created with every optional part.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.local.config import ROOT
from chalicelib.shared.settings import MACHINES, QUEUES, TABLES, Settings

sys.path.insert(0, str(ROOT / "scripts"))

import deploy
from rendered import transformed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

STACK, ACCOUNT = "todoku-prod", "123456789012"
PROD = Settings(stage="prod", aws_account_id=ACCOUNT)
MEDIA = "media.shop.example"
EVERYTHING = {
    "AlarmEmail": "operator@shop.example",
    "ApiLogRole": "yes",
    "PublicUrl": "https://line.shop.example",
    "WafRequestsPer5Minutes": "2000",
}
"""Parameters with which no condition of the template is false."""

MOTO_LACKS = {
    "AWS::ApiGateway::Account",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
    # It makes an API without the methods of its OpenAPI document, and then finds nothing to deploy.
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::Stage",
}
"""What moto's CloudFormation cannot make: cfn-lint and tests/contract/test_template*.py read these."""


def for_moto(template: dict[str, Any]) -> dict[str, Any]:
    """Without what moto lacks or what points there, and the API's name where moto looks for it."""
    text = json.dumps(template).replace("${MediaDistribution.DomainName}", MEDIA)
    template = json.loads(text)
    makes = {n: r for n, r in template["Resources"].items() if r["Type"] not in MOTO_LACKS}
    for resource in makes.values():
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            resource["Properties"]["Name"] = resource["Properties"]["Body"]["info"]["title"]
    return {**template, "Resources": makes}


@pytest.fixture(scope="module")
def stack(
    build: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[deploy.Aws, dict[str, Any]]]:
    """The stack, and the template that it was made of."""
    folder = tmp_path_factory.mktemp("sam")
    with mock_aws():
        aws = deploy.Aws(boto3.Session(region_name="ap-northeast-1"))
        bucket = deploy.package_bucket(aws)
        whole = transformed(deploy.point_to_uploads(aws, bucket, build), folder)
        url = deploy.upload_template(aws, bucket, folder, for_moto(whole), "stack")
        aws.cloudformation.create_stack(
            StackName=STACK,
            TemplateURL=url,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in EVERYTHING.items()],
        )
        yield aws, whole


def test_the_whole_stack_is_made(stack: tuple[deploy.Aws, dict[str, Any]]) -> None:
    """Every resource stands, but for the kinds that moto lacks; each of those is in the template."""
    aws, template = stack
    assert (
        aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    )
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    made = {one["LogicalResourceId"] for page in pages for one in page["StackResourceSummaries"]}
    left_out = {name: r["Type"] for name, r in template["Resources"].items() if name not in made}
    assert set(left_out.values()) == MOTO_LACKS, left_out


def test_what_was_made_has_the_names_that_the_functions_use(stack: tuple[deploy.Aws, dict[str, Any]]) -> None:
    """Tables, queues with their dead letters, machines and bucket: settings find each by its name."""
    aws, _ = stack
    assert set(aws.client("dynamodb").list_tables()["TableNames"]) == {PROD.table(name) for name in TABLES}
    addresses = aws.client("sqs").list_queues()["QueueUrls"]
    assert {address.rpartition("/")[2] for address in addresses} == {
        *(PROD.queue(name) for name in QUEUES),
        *(PROD.dead_letters(name) for name in QUEUES),
    }
    machines = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    assert {machine["stateMachineArn"] for machine in machines} == {PROD.machine_arn(n) for n in MACHINES}
    aws.s3.head_bucket(Bucket=PROD.bucket)
    (topic,) = aws.client("sns").list_topics()["Topics"]
    assert topic["TopicArn"].endswith(":todoku-prod-alarms")


def test_a_queue_feeds_its_function_and_gives_up_to_its_dead_letters(
    stack: tuple[deploy.Aws, dict[str, Any]],
) -> None:
    """Each queue has one event source with partial failures, and a redrive policy to its own dead letters."""
    aws, _ = stack
    sources = aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    fed = {source["EventSourceArn"].rpartition(":")[2]: source for source in sources}
    assert set(fed) == {PROD.queue(name) for name in QUEUES}
    for name in QUEUES:
        assert fed[PROD.queue(name)]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        url = aws.client("sqs").get_queue_url(QueueName=PROD.queue(name))["QueueUrl"]
        attributes = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
        target = json.loads(attributes["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
        assert target.rpartition(":")[2] == PROD.dead_letters(name)


def test_every_function_has_its_own_role_and_environment(stack: tuple[deploy.Aws, dict[str, Any]]) -> None:
    """No two functions share a role, and each knows the stage, its address and its tables."""
    aws, _ = stack
    functions = aws.client("lambda").list_functions()["Functions"]
    assert len({function["Role"] for function in functions}) == len(functions)
    for function in functions:
        variables = function["Environment"]["Variables"]
        assert variables["TODOKU_STAGE"] == "prod"
        assert variables["TODOKU_AWS_ACCOUNT_ID"] == ACCOUNT
        assert variables["TODOKU_TABLES_PREFIX"] == PROD.table("")
        assert variables["TODOKU_PUBLIC_URL"] == EVERYTHING["PublicUrl"]
        assert variables["TODOKU_MEDIA_URL"] == f"https://{MEDIA}"
