"""The installation's list of accounts, as the webhook asks it: one small read without PynamoDB."""

from __future__ import annotations

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings

PARTITION = "#accounts"
"""Of the table ``control``: one item per account, its id the sort key."""


def is_listed(account_id: str) -> bool:
    """Whether there is an account of this id. Consistent; raises botocore's errors."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"),
        Key={"pk": {"S": PARTITION}, "sk": {"S": account_id}},
        ProjectionExpression="sk",
        ConsistentRead=True,
    )
    return "Item" in answer
