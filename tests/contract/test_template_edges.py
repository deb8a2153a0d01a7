"""What the deployed stack does at its edges: who starves, what is kept, who is told, what is logged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.local import resources, wiring
from chalicelib.local.config import ROOT
from chalicelib.shared.settings import QUEUES, TABLES, Settings

Template = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def test_every_source_is_bounded_and_the_inbox_keeps_its_workers(
    template: Template, functions: dict[str, dict[str, Any]]
) -> None:
    """Every queue has a MaximumConcurrency, the one its handler declares. Webhook and react keep workers of
    their own, and all together leave more than half of a limit of 1,000 to the API and to others.
    """
    declared = {h.function.path: h.concurrency for h in wiring.queue_handlers(wiring.load_app("app"))}
    most = {}
    for handler, function in functions.items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS":
                choice = event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
                assert choice["Fn::If"] == ["KeepConcurrency", declared[handler], 2], handler
                most[handler] = choice["Fn::If"][1]
    assert len(most) == len(QUEUES)
    kept = {
        handler: function["ReservedConcurrentExecutions"]["Fn::If"]
        for handler, function in functions.items()
        if "ReservedConcurrentExecutions" in function
    }
    assert set(kept) == {"chalicelib.webhook.front.webhook", "chalicelib.reaction.workers.react"}
    assert all(choice[2] == {"Ref": "AWS::NoValue"} for choice in kept.values())
    react = "chalicelib.reaction.workers.react"
    assert kept[react][1] == most[react]
    assert sum(choice[1] for choice in kept.values()) + sum(most.values()) - most[react] <= 500


def test_tables_and_bucket_are_kept_and_can_be_deployed_again(template: Template) -> None:
    """A deletion keeps what holds friends; a first deployment that fails takes it back, so that the next one
    works; nobody deletes a table by mistake; every table can be restored to a point in time.
    """
    kept = of_type(template, "AWS::DynamoDB::Table") | of_type(template, "AWS::S3::Bucket")
    assert len(kept) == len(TABLES) + 1
    for name, resource in kept.items():
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert resource["UpdateReplacePolicy"] == "Retain", name
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        assert table["Properties"]["DeletionProtectionEnabled"] is True, name
        assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name


def test_every_kind_of_stored_file_expires(template: Template) -> None:
    """Each prefix under which the program keeps files has an expiry; ``media/`` goes by the sweep."""
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule}
    assert expiring == {"uploads/", "imports/", "answers/", "exports/", "contents/", "mirror/"}
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chalicelib").rglob("*.py"))
    for prefix in expiring:
        assert f'f"{prefix}{{' in sources, f"nothing is kept under {prefix}"
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_the_bucket_is_private_and_takes_encrypted_connections_only(template: Template) -> None:
    """Public access is blocked, plain HTTP is denied, and browsers may put files at presigned addresses."""
    (bucket,) = of_type(template, "AWS::S3::Bucket").values()
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert {"PUT", "GET"} <= set(bucket["Properties"]["CorsConfiguration"]["CorsRules"][0]["AllowedMethods"])
    (policy,) = of_type(template, "AWS::S3::BucketPolicy").values()
    plain, media = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (plain["Effect"], plain["Action"]) == ("Deny", "s3:*")
    assert plain["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert (media["Effect"], media["Action"]) == ("Allow", "s3:GetObject")
    assert media["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert media["Resource"]["Fn::Sub"].endswith("/media/*")
    assert "${MediaDistribution}" in media["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"]


def test_files_of_messages_are_read_by_https_alone(template: Template) -> None:
    """Through CloudFront, which signs its way to the bucket; the functions know its address."""
    (distribution,) = of_type(template, "AWS::CloudFront::Distribution").values()
    config = distribution["Properties"]["DistributionConfig"]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    (origin,) = config["Origins"]
    (access,) = of_type(template, "AWS::CloudFront::OriginAccessControl").values()
    assert origin["OriginAccessControlId"] == {"Ref": "MediaAccess"}
    assert access["Properties"]["OriginAccessControlConfig"]["SigningBehavior"] == "always"
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["TODOKU_MEDIA_URL"] == {"Fn::Sub": "https://${MediaDistribution.DomainName}"}


def test_alarms_arrive(template: Template) -> None:
    """CloudWatch may publish to the topic: it is not encrypted by a key that CloudWatch may not use."""
    (topic,) = of_type(template, "AWS::SNS::Topic").values()
    assert "KmsMasterKeyId" not in topic["Properties"]
    (policy,) = of_type(template, "AWS::SNS::TopicPolicy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"


def test_the_api_logs_no_secret_and_is_bounded(template: Template) -> None:
    """Access logs hold no path, query, header or body; calls are throttled per stage; SAM adds no stage."""
    api = template["Resources"]["RestAPI"]["Properties"]
    logged = api["AccessLogSetting"]["Format"]
    json.loads(logged.replace("$context", "context"))
    for leaking in ("$context.path", "querystring", "header", "body", "authorizer", "requestOverride"):
        assert leaking not in logged
    every, site = api["MethodSettings"]
    assert (site["HttpMethod"], site["ResourcePath"]) == ("POST", "/~1t~1{account}")
    assert site["ThrottlingRateLimit"] < template["Parameters"]["ApiRateLimit"]["Default"]
    assert site["DataTraceEnabled"] is False
    assert (every["HttpMethod"], every["ResourcePath"]) == ("*", "/*")
    assert every["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert every["DataTraceEnabled"] is False
    assert template["Globals"]["Api"]["OpenApiVersion"] == "2.0"
    assert api["StageName"] == "api"


def test_stages_side_by_side_do_not_meet(template: Template) -> None:
    """No name is the same for two stages, and no permission of the stage ``prod`` reaches ``prod-eu``."""
    api = template["Resources"]["RestAPI"]["Properties"]
    assert api["DefinitionBody"]["info"]["title"] == {"Fn::Sub": "todoku-${Stage}"}
    for kind, key in [
        ("AWS::CloudWatch::Alarm", "AlarmName"),
        ("AWS::CloudWatch::Dashboard", "DashboardName"),
        ("AWS::SNS::Topic", "TopicName"),
        ("AWS::DynamoDB::Table", "TableName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::Serverless::StateMachine", "Name"),
    ]:
        for name, resource in of_type(template, kind).items():
            assert "${Stage}" in resource["Properties"][key]["Fn::Sub"], name
    text = json.dumps(template)
    assert "todoku-${Stage}-*" not in text
    assert "todoku-prod-*" not in text
    assert '"Value": "todoku"' not in text
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for policy in role["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                resources_of = statement["Resource"]
                for resource in resources_of if isinstance(resources_of, list) else [resources_of]:
                    pattern = (
                        resource["Fn::Sub"] if isinstance(resource, dict) and "Fn::Sub" in resource else ""
                    )
                    if "*" in pattern and "logs" not in pattern:
                        # A star may stand behind a separator that no stage's name has, and nowhere else.
                        assert pattern.partition("*")[0][-1] in "/:", (name, pattern)


@pytest.mark.parametrize("function", sorted(p.stem for p in (ROOT / ".chalice").glob("policy-*.json")))
def test_a_function_writes_its_own_logs_and_names_its_tables(function: str) -> None:
    """No policy speaks of other log groups, or of tables and queues by pattern; the webhook reads
    credentials, and the list of accounts.
    """
    policy = json.loads((ROOT / ".chalice" / f"{function}.json").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for statement in policy["Statement"]:
        of = statement["Resource"]
        for one in of if isinstance(of, list) else [of]:
            arn = one["Fn::Sub"].replace("${AWS::Partition}", "aws") if isinstance(one, dict) else f"::{one}"
            found.setdefault(arn.split(":")[2], []).append(arn)
    (logs,) = found["logs"]
    assert "/aws/lambda/${AWS::StackName}-" in logs
    tables = {arn.rpartition(":table/")[2].partition("/index/")[0] for arn in found.get("dynamodb", [])}
    assert tables <= {Settings(tables_prefix="${TablesPrefix}").table(name) for name in TABLES}
    assert not [arn for arn in found.get("sqs", []) if "*" in arn]
    if function == "policy-webhook":
        (secrets,) = found["ssm"]
        assert secrets.endswith("/todoku/${Stage}/*/line")
        (listed,) = found["dynamodb"]
        assert listed.endswith(":table/${TablesPrefix}control")


def test_the_template_says_what_each_parameter_is_for() -> None:
    """Every parameter of the stack has a description and a default, so that nobody must be asked."""
    for name, parameter in resources.read_template()["Parameters"].items():
        assert {"Description", "Default"} <= set(parameter), name
