"""Deploy a stage to AWS, or take it away again (``make deploy STAGE=prod``, ``make destroy STAGE=prod``).

    .venv/bin/python scripts/deploy.py deploy  --stage prod [--yes] [Parameter=value ...]
    .venv/bin/python scripts/deploy.py destroy --stage prod [--yes] [--data]

Needs AWS credentials and a region (as the AWS command line does), nothing else. Deploying again with nothing
changed changes nothing; what it has begun and not finished, the next call finishes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

import package  # noqa: E402 (needs the path above)
from kept import import_template, kept_resources  # noqa: E402

from chalicelib.local.resources import read_template  # noqa: E402

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

Template = dict[str, Any]


class Stop(Exception):
    """It cannot go on; the message says why and what to do."""


class Aws:
    """The AWS account and region that are deployed to. ``say`` and ``ask`` are the person."""

    def __init__(self, session: boto3.Session) -> None:
        self.session = session
        if not session.region_name:
            raise Stop("No region: set AWS_DEFAULT_REGION (for Japan: ap-northeast-1).")
        self.region: str = session.region_name
        try:
            self.account: str = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise Stop(
                f"AWS does not know you: {error}\nLog in (aws sso login, or set AWS_PROFILE)."
            ) from error
        self.cloudformation = self.client("cloudformation")
        self.s3 = self.client("s3")

    def client(self, service: str) -> Any:
        """A client of a service in this region."""
        return self.session.client(service)

    def stack(self, name: str) -> dict[str, Any] | None:
        """A stack as it is, or None. A stack whose first deployment failed is no stack: it is taken away."""
        try:
            found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        status = found["StackStatus"]
        if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
            say(f"{name} is left over from a deployment that failed ({status}); it is deleted first.")
            self.cloudformation.delete_stack(StackName=name)
            self.wait("stack_delete_complete", name)
            return None
        return None if status == "REVIEW_IN_PROGRESS" else found

    def wait(self, waiter: str, stack: str) -> None:
        """Wait for a stack; on failure say what CloudFormation says."""
        began = time.time()
        try:
            self.cloudformation.get_waiter(waiter).wait(
                StackName=stack, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
            )
        except WaiterError as error:
            raise Stop("\n".join([f"{stack} failed:", *self._failures(stack, began)])) from error

    def _failures(self, stack: str, since: float) -> Iterator[str]:
        for event in self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
            if event["ResourceStatus"].endswith("FAILED") and event["Timestamp"].timestamp() > since - 60:
                reason = event.get("ResourceStatusReason", "no reason given")
                yield f"  {event['LogicalResourceId']}: {reason}"


def say(text: str) -> None:
    """One line for the person who waits."""
    print(text, flush=True)


# -- packages --------------------------------------------------------------------------------------


def package_bucket(aws: Aws) -> str:
    """The private, versioned bucket for packages, made at the first deployment."""
    name = f"todoku-packages-{aws.account}-{aws.region}"
    try:
        aws.s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise Stop(f"The bucket {name} cannot be used: {error}") from error
        say(f"Making the bucket for packages, {name}")
        place = {"LocationConstraint": aws.region}
        # us-east-1 is the one region that is not named.
        extra = {} if aws.region == "us-east-1" else {"CreateBucketConfiguration": place}
        aws.s3.create_bucket(Bucket=name, **extra)
    aws.s3.put_public_access_block(
        Bucket=name,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    aws.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def upload(aws: Aws, bucket: str, path: Path) -> str:
    """Upload a file under the hash of its content, once; returns its key."""
    content = path.read_bytes()
    key = f"{hashlib.sha256(content).hexdigest()[:32]}/{path.name}"
    try:
        aws.s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        say(f"Uploading {path.name} ({len(content) / 1e6:.1f} MB)")
        aws.s3.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def point_to_uploads(aws: Aws, bucket: str, folder: Path) -> Template:
    """The packaged template, its local files uploaded and named by their addresses."""
    template: Template = json.loads((folder / "sam.json").read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for field in ("CodeUri", "ContentUri", "DefinitionUri"):
            if isinstance(properties.get(field), str):
                key = upload(aws, bucket, folder / properties[field])
                properties[field] = {"Bucket": bucket, "Key": key}
    return template


def upload_template(aws: Aws, bucket: str, folder: Path, template: Template, name: str) -> str:
    """A template's address: longer than the 51,200 bytes that CloudFormation takes directly."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    return f"https://{bucket}.s3.{aws.region}.amazonaws.com/{upload(aws, bucket, path)}"


# -- changes ---------------------------------------------------------------------------------------


def change(
    aws: Aws,
    stack: str,
    kind: str,
    url: str,
    parameters: Mapping[str, str],
    *,
    yes: bool,
    imports: list[dict[str, Any]] | None = None,
) -> bool:
    """Make a change set, show it, ask, carry it out; False: there is nothing to change."""
    name = f"todoku-{int(time.time())}"
    there = aws.stack(stack) if kind == "UPDATE" else None
    known = {found["ParameterKey"] for found in (there or {}).get("Parameters", [])}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(known - set(parameters))]
    extra = {"ResourcesToImport": imports} if imports else {}
    aws.cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateURL=url,
        Parameters=given + kept,
        Capabilities=CAPABILITIES,
        **extra,
    )
    if not _is_ready(aws, stack, name):
        say("Nothing has changed.")
        return False
    _show(aws, stack, name)
    if not yes and input("Carry this out? [y/N] ").strip().lower() not in {"y", "yes"}:
        aws.cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
        raise Stop("Nothing was changed.")
    aws.cloudformation.execute_change_set(StackName=stack, ChangeSetName=name)
    waiters = {"CREATE": "stack_create_complete", "UPDATE": "stack_update_complete"}
    aws.wait(waiters.get(kind, "stack_import_complete"), stack)
    return True


def _is_ready(aws: Aws, stack: str, name: str) -> bool:
    """Wait for a change set; False: it holds no change. Raises Stop with CloudFormation's reason."""
    while True:
        found = aws.cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        if found["Status"] == "CREATE_COMPLETE":
            return True
        if found["Status"] == "FAILED":
            reason = str(found.get("StatusReason", "no reason given"))
            aws.cloudformation.delete_change_set(StackName=stack, ChangeSetName=name)
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise Stop(f"CloudFormation does not take the template: {reason}")
        time.sleep(2)


def _show(aws: Aws, stack: str, name: str) -> None:
    pages = aws.cloudformation.get_paginator("describe_change_set").paginate(
        StackName=stack, ChangeSetName=name
    )
    changes = [c["ResourceChange"] for page in pages for c in page["Changes"] if "ResourceChange" in c]
    for found in sorted(changes, key=lambda c: (c["Action"], c["LogicalResourceId"])):
        replaced = " (REPLACED)" if found.get("Replacement") == "True" else ""
        say(f"  {found['Action']:<7} {found['ResourceType']:<34} {found['LogicalResourceId']}{replaced}")
    say(f"{len(changes)} changes to {stack}")


# -- what is asked for -------------------------------------------------------------------------------


def packaged(stage: str) -> Path:
    """Package a stage; returns the folder."""
    folder = ROOT / "build"
    if package.package(stage, folder):
        raise Stop("cfn-lint does not like the template (above); nothing was deployed.")
    return folder


def deploy(aws: Aws, stage: str, given: Mapping[str, str], *, yes: bool, folder: Path) -> dict[str, str]:
    """Deploy a packaged stage; returns the stack's outputs."""
    stack, bucket = f"todoku-{stage}", package_bucket(aws)
    template = point_to_uploads(aws, bucket, folder)
    unknown = sorted(set(given) - set(template["Parameters"]))
    if unknown:
        names = ", ".join(template["Parameters"])
        raise Stop(f"The stack has no parameter {', '.join(unknown)}; it has {names}.")
    parameters = dict(given)
    there = aws.stack(stack)
    if there is None and not parameters.get("ApiLogRole") and not _has_log_role(aws):
        parameters["ApiLogRole"] = "yes"
    if there is None and (kept := kept_resources(aws, template, stage)):
        say(f"Tables or bucket of an earlier stack are there ({len(kept)}): they are taken over as they are.")
        small = upload_template(aws, bucket, folder, import_template(template, kept), "import")
        change(aws, stack, "IMPORT", small, {}, yes=yes, imports=kept)
        there = aws.stack(stack)
    url = upload_template(aws, bucket, folder, template, "template")
    change(aws, stack, "UPDATE" if there else "CREATE", url, parameters, yes=yes)
    outputs = _outputs(aws, stack)
    if not _parameter(aws, stack, "PublicUrl"):
        say("Telling the functions their own public address")
        own = {"PublicUrl": outputs["EndpointURL"].rstrip("/")}
        change(aws, stack, "UPDATE", url, own, yes=True)
    return outputs


def _has_log_role(aws: Aws) -> bool:
    """Whether API Gateway may write logs in this region already."""
    return bool(aws.client("apigateway").get_account().get("cloudwatchRoleArn"))


def _outputs(aws: Aws, stack: str) -> dict[str, str]:
    found = aws.stack(stack) or {}
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _parameter(aws: Aws, stack: str, name: str) -> str:
    found = (aws.stack(stack) or {}).get("Parameters", [])
    return next((p["ParameterValue"] for p in found if p["ParameterKey"] == name), "")


def first_key(aws: Aws, stage: str) -> str | None:
    """The first admin key of a stage; None when it has keys already."""
    os.environ |= {"TODOKU_STAGE": stage, "AWS_DEFAULT_REGION": aws.region}
    from chalicelib.accounts import service
    from chalicelib.shared.ids import new_secret

    if service.list_keys(None):
        return None
    key = new_secret()
    service.ensure_key("operator", "made at the first deployment", "admin", None, key)
    return key


def destroy(aws: Aws, stage: str, *, yes: bool, data: bool) -> None:
    """Delete a stage's stack; its tables and bucket stay unless ``data``, which deletes them for good."""
    stack = f"todoku-{stage}"
    what = "and ALL ITS DATA, for good" if data else "(tables and bucket stay)"
    if not yes and input(f"Type {stack} to delete it {what}: ").strip() != stack:
        raise Stop("Nothing was deleted.")
    if aws.stack(stack) is not None:
        aws.cloudformation.delete_stack(StackName=stack)
        aws.wait("stack_delete_complete", stack)
        say(f"{stack} is deleted.")
    if not data:
        say(f"Tables and bucket of {stage} are kept; make deploy STAGE={stage} takes them over again.")
        return
    for kept in kept_resources(aws, read_template(), stage):
        _delete(aws, kept["ResourceType"], next(iter(kept["ResourceIdentifier"].values())))


def _delete(aws: Aws, kind: str, name: str) -> None:
    say(f"Deleting {name}")
    if kind == "AWS::S3::Bucket":
        for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            if keys := [{"Key": found["Key"]} for found in page.get("Contents", [])]:
                aws.s3.delete_objects(Bucket=name, Delete={"Objects": keys})
        aws.s3.delete_bucket(Bucket=name)
        return
    dynamodb = aws.client("dynamodb")
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=name)


NEXT = """
The stage {stage} is deployed.

  API        {api}
  Webhook    {webhook}<your account id>
  Dashboard  {dashboard}

Next:
  1. Make a LINE account known: PUT {api}/v1/accounts/<id> with its channel secret and access token.
  2. Enter the webhook's address in the LINE Developers Console, switch "Use webhook" and "Webhook redelivery"
     on, and press Verify (docs/operations/first-account.md).
  3. Confirm the mail by which AWS asks whether you want the alarms (parameter AlarmEmail).
"""


def main() -> int:
    """Deploy or destroy; returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/deploy.py", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["deploy", "destroy"])
    parser.add_argument("--stage", default="prod")
    parser.add_argument("--yes", action="store_true", default=os.environ.get("YES") == "1")
    parser.add_argument("--data", action="store_true", default=os.environ.get("DATA") == "1")
    parser.add_argument("--build", type=Path, help="a folder that make package has made already")
    parser.add_argument("parameters", nargs="*", metavar="Parameter=value")
    options = parser.parse_args()
    try:
        given = dict(pair.split("=", 1) for pair in options.parameters)
        aws = Aws(boto3.Session())
        say(f"AWS account {aws.account}, region {aws.region}, stage {options.stage}")
        if options.what == "destroy":
            destroy(aws, options.stage, yes=options.yes, data=options.data)
            return 0
        folder = options.build or packaged(options.stage)
        outputs = deploy(aws, options.stage, given, yes=options.yes, folder=folder)
        key = first_key(aws, options.stage)
    except Stop as stop:
        say(str(stop))
        return 1
    except ValueError:
        parser.error("parameters are given as Parameter=value")
    except (BotoCoreError, ClientError) as error:
        say(f"AWS refused: {error}")
        return 1
    api = outputs["EndpointURL"].rstrip("/")
    say(
        NEXT.format(
            stage=options.stage, api=api, webhook=outputs["WebhookUrl"], dashboard=outputs["DashboardUrl"]
        )
    )
    if key:
        say(f"The first admin key, shown only now: {key}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
