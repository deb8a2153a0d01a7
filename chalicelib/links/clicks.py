"""How many friends have followed a link of a delivery: live counters by run and variant (``metrics``).

Approximate where a process dies between counting and the end of the reaction; the sheets are exact.
"""

from __future__ import annotations

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item
from chalicelib.shared.settings import settings


def count(account: str, delivery: str, run: str, variant: str) -> None:
    """One more friend."""
    aws.client("dynamodb").update_item(
        TableName=settings().table("metrics"),
        Key={"pk": {"S": f"{account}#delivery:{delivery}"}, "sk": {"S": f"clicks#{run}#{variant}"}},
        UpdateExpression="ADD #n :one",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def by_variant(account: str, delivery: str, run: str) -> dict[str, int]:
    """Friends who have clicked, by variant (empty: the only one)."""
    answer = aws.client("dynamodb").query(
        TableName=settings().table("metrics"),
        KeyConditionExpression="pk = :pk AND begins_with(sk, :run)",
        ExpressionAttributeValues={
            ":pk": {"S": f"{account}#delivery:{delivery}"},
            ":run": {"S": f"clicks#{run}#"},
        },
    )
    items = map(plain_item, answer["Items"])
    return {item["sk"].rpartition("#")[2]: int(item["n"]) for item in items}
