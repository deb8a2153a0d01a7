"""``make deploy`` and ``make destroy``, against an emulated AWS: nothing by hand, and nothing twice."""

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

sys.path.insert(0, str(ROOT / "scripts"))

import deploy
import package

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "TableName": {"Fn::Sub": "todoku-${Stage}-friends"},
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
}
TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Parameters": {
        name: {"Type": "String", "Default": default}
        for name, default in {"Stage": "try", "PublicUrl": "", "AlarmEmail": "", "ApiLogRole": "no"}.items()
    },
    "Resources": {
        "FriendsTable": TABLE,
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "PublicUrl"}}},
    },
    "Outputs": {
        "EndpointURL": {"Value": "https://api.example.jp/api/"},
        "WebhookUrl": {"Value": "https://api.example.jp/api/webhook/"},
        "DashboardUrl": {"Value": "https://console.example.jp"},
    },
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[deploy.Aws]:
    # The emulation answers no outputs of a stack that was made by a change set.
    outputs = {name: found["Value"] for name, found in TEMPLATE["Outputs"].items()}
    monkeypatch.setattr(deploy, "_outputs", lambda *_: outputs)
    with mock_aws():
        yield deploy.Aws(boto3.Session(region_name="ap-northeast-1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sam.json").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    return tmp_path


def parameters(aws: deploy.Aws, stack: str = "todoku-try") -> dict[str, str]:
    return {p["ParameterKey"]: p["ParameterValue"] for p in (aws.stack(stack) or {})["Parameters"]}


def test_a_deployment_makes_everything_and_gives_its_functions_where_they_are(
    aws: deploy.Aws, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package bucket is private and versioned; the stack stands; PublicUrl is its own endpoint."""
    outputs = deploy.deploy(aws, "try", {"AlarmEmail": "a@example.jp"}, yes=True, folder=folder)
    assert outputs["WebhookUrl"].endswith("/webhook/")
    found = parameters(aws)
    assert found["PublicUrl"] == "https://api.example.jp/api"
    assert (found["AlarmEmail"], found["ApiLogRole"]) == ("a@example.jp", "yes")
    bucket = f"todoku-packages-{aws.account}-ap-northeast-1"
    assert aws.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    blocked = aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert "FriendsTable" in capsys.readouterr().out, "the change set is shown"


def test_deploying_again_uploads_nothing_twice_and_keeps_the_parameters(
    aws: deploy.Aws, folder: Path
) -> None:
    """The second deployment keeps parameters that are not given anew, and an address that was given."""
    deploy.deploy(aws, "try", {"PublicUrl": "https://t.example.jp"}, yes=True, folder=folder)
    bucket = deploy.package_bucket(aws)
    before = {found["Key"] for found in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    deploy.deploy(aws, "try", {"AlarmEmail": "b@example.jp"}, yes=True, folder=folder)
    assert {found["Key"] for found in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]} == before
    assert parameters(aws) | {"ApiLogRole": ""} == {
        "Stage": "try",
        "PublicUrl": "https://t.example.jp",
        "AlarmEmail": "b@example.jp",
        "ApiLogRole": "",
    }


def test_nothing_is_changed_without_a_yes(
    aws: deploy.Aws, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not answer yes to the change set changes nothing, and an unknown parameter is named."""
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(deploy.Stop, match="Nothing was changed"):
        deploy.deploy(aws, "try", {}, yes=False, folder=folder)
    assert aws.client("dynamodb").list_tables()["TableNames"] == []
    with pytest.raises(deploy.Stop, match="PublicURL"):
        deploy.deploy(aws, "try", {"PublicURL": "https://x.jp"}, yes=True, folder=folder)


def test_what_an_earlier_stack_left_is_found_for_import(aws: deploy.Aws) -> None:
    """Tables and bucket that stand are named as CloudFormation imports them, with a template of just them."""
    from chalicelib.local.resources import read_template

    template = read_template()
    assert deploy.kept_resources(aws, template, "try") == []
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="todoku-try-friends",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    bucket = f"todoku-try-{aws.account}-objects"
    place = {"LocationConstraint": "ap-northeast-1"}
    aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    kept = deploy.kept_resources(aws, template, "try")
    assert {found["LogicalResourceId"]: found["ResourceIdentifier"] for found in kept} == {
        "FriendsTable": {"TableName": "todoku-try-friends"},
        "ObjectsBucket": {"BucketName": bucket},
    }
    small = deploy.import_template(template, kept)
    assert set(small["Resources"]) == {"FriendsTable", "ObjectsBucket"}
    assert set(small["Parameters"]) == {"Stage", "ContentRetentionDays"}, "and no other that it refers to"
    assert all(resource["DeletionPolicy"] for resource in small["Resources"].values())


@pytest.mark.parametrize("data", [False, True])
def test_destroying_keeps_the_data_unless_asked(aws: deploy.Aws, folder: Path, data: bool) -> None:
    """The stack goes; tables stay, and go only when data is named."""
    deploy.deploy(aws, "try", {}, yes=True, folder=folder)
    # The emulation does not keep what a stack retains.
    template = json.loads((folder / "sam.json").read_text())
    template["Resources"].pop("FriendsTable")
    deploy.destroy(aws, "try", yes=True, data=False)
    dynamodb = aws.client("dynamodb")
    if "todoku-try-friends" not in dynamodb.list_tables()["TableNames"]:
        dynamodb.create_table(
            TableName="todoku-try-friends",
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
    deploy.destroy(aws, "try", yes=True, data=data)
    assert aws.stack("todoku-try") is None
    assert ("todoku-try-friends" in dynamodb.list_tables()["TableNames"]) is not data


def test_the_first_admin_key_is_made_once(aws: deploy.Aws, cloud: None) -> None:
    """A stage without keys gets an admin key; one that has keys gets none."""
    assert deploy.first_key(aws, "test")
    assert deploy.first_key(aws, "test") is None


def test_another_python_is_refused() -> None:
    """Packaging with a Python that is not the runtime's ends with a sentence that names the right one."""
    with pytest.raises(SystemExit, match=r"python3\.11"):
        package.check_python((3, 13))
    package.check_python((3, 11))


def test_who_is_not_known_to_aws_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region or credentials the person is told what to set."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(deploy.Stop, match="AWS_DEFAULT_REGION"):
        deploy.Aws(boto3.Session(region_name=None))
