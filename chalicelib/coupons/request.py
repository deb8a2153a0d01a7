"""What LINE is asked to make of a coupon's document, and whether a coupon of LINE's is what was asked. Pure.

Rules: https://developers.line.biz/en/reference/messaging-api/#create-coupon
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Body
from chalicelib.shared.times import parse_iso

_ZONES = (
    *("Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Phoenix", "America/Chicago"),
    *("America/New_York", "America/Caracas", "America/Santiago", "America/St_Johns", "America/Sao_Paulo"),
    *("Atlantic/Cape_Verde", "Europe/London", "Europe/Paris", "Europe/Istanbul", "Europe/Moscow"),
    *("Asia/Tehran", "Asia/Tbilisi", "Asia/Kabul", "Asia/Tashkent", "Asia/Colombo", "Asia/Kathmandu"),
    *("Asia/Almaty", "Asia/Rangoon", "Asia/Bangkok", "Asia/Taipei", "Asia/Tokyo", "Australia/Darwin"),
    *("Australia/Sydney", "Asia/Vladivostok", "Pacific/Tongatapu"),
)
"""The zones that LINE knows, by their usual names."""
_SLACK_S = 120
"""LINE's clock and ours may differ."""
_COPIED = frozenset({"imageUrl", "barcodeImageUrl"})
"""LINE keeps copies, at addresses of its own."""
_PLAIN = {
    "title": "title",
    "description": "description",
    "usageCondition": "usage_condition",
    "couponCode": "code",
    "imageUrl": "image",
    "barcodeImageUrl": "barcode_image",
}
_TYPES = {"cash_back": "cashBack"}


def request_of(body: Body, zone: ZoneInfo) -> dict[str, Any]:
    """LINE's own object for a document."""
    begins, ends = parse_iso(body["from"]), parse_iso(body["until"])
    asked = {theirs: body[ours] for theirs, ours in _PLAIN.items() if body.get(ours)}
    return asked | {
        "timezone": _zone(zone, begins),
        "startTimestamp": int(begins.timestamp()),
        "endTimestamp": int(ends.timestamp()),
        "visibility": "PUBLIC" if body.get("public") else "UNLISTED",
        "maxUseCountPerTicket": -1 if body.get("reusable") else 1,
        "acquisitionCondition": _acquisition(body.get("lottery")),
        "reward": _reward(body["reward"]),
    }


def _acquisition(lottery: Mapping[str, Any] | None) -> dict[str, Any]:
    if lottery is None:
        return {"type": "normal"}
    most = lottery.get("at_most") or -1
    return {"type": "lottery", "lotteryProbability": lottery["percent"], "maxAcquireCount": most}


def _reward(reward: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = {"type": _TYPES.get(reward["type"], reward["type"])}
    prices = reward.get("prices")
    if reward.get("amount"):
        asked["priceInfo"] = {"type": "fixed", "fixedAmount": reward["amount"]}
    elif reward.get("percent"):
        asked["priceInfo"] = {"type": "percentage", "percentage": reward["percent"]}
    elif prices:
        both = {"originalPrice": prices["before"], "priceAfterDiscount": prices["after"]}
        asked["priceInfo"] = {"type": "explicit", **both}
    return asked


def _zone(zone: ZoneInfo, at: datetime) -> str:
    """LINE's name of a zone, or of the first that has the same time then."""
    same = (name for name in _ZONES if ZoneInfo(name).utcoffset(at) == zone.utcoffset(at))
    name = zone.key if zone.key in _ZONES else next(same, "Asia/Tokyo")
    return name.upper().replace("/", "_")


def is_made_of(found: Mapping[str, Any], asked: Mapping[str, Any], since: datetime) -> bool:
    """Whether a coupon of LINE's (its detail) is what LINE was asked to make since a time."""
    if int(found.get("createdTimestamp") or 0) < since.timestamp() - _SLACK_S:
        return False
    return all(_has(found.get(key), value) for key, value in asked.items() if key not in _COPIED)


def _has(found: Any, asked: Any) -> bool:
    if isinstance(asked, Mapping):
        return isinstance(found, Mapping) and all(_has(found.get(key), v) for key, v in asked.items())
    return bool(found == asked)
