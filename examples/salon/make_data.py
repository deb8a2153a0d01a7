"""Make the salon's files: 300 friends, one recorded day of LINE webhooks, and what must come of them.

``python examples/salon/make_data.py`` writes friends.csv, day.jsonl and expected.json beside itself. The
expectations come from the plain arithmetic below, not from Todoku: they are what the story is held against.
A line of day.jsonl is one webhook request; an event's ``timestamp`` is milliseconds relative to the moment
at which the request is sent, so that a day can be replayed at any time.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FRIENDS = 300
NEWCOMERS = 24
FAMILY = [
    "佐藤",
    "鈴木",
    "高橋",
    "田中",
    "伊藤",
    "渡辺",
    "山本",
    "中村",
    "小林",
    "加藤",
    "𠮷田",
    "山﨑",
    "森",
    "池田",
    "橋本",
]
GIVEN = [
    "陽菜",
    "結衣",
    "美咲",
    "さくら",
    "葵",
    "凛",
    "芽依",
    "大翔",
    "蓮",
    "悠真",
    "湊",
    "樹",
    "ひなた🌷",
    "花子",
    "Emma",
]


def user_id(number: int) -> str:
    return "U" + hashlib.md5(f"salon-{number}".encode()).hexdigest()


class Day:
    """Writes requests, and keeps the plain books of what each friend must end up with."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sequence = 0
        self.events: set[str] = set()
        self.replies = 0
        self.friends: dict[str, dict[str, Any]] = {}

    def event(self, user: str, kind: str, offset: int = 0, **payload: Any) -> dict[str, Any]:
        self.sequence += 1
        event = {
            "type": kind,
            "mode": "active",
            "timestamp": offset,
            "webhookEventId": f"01SALON{self.sequence:019d}",
            "deliveryContext": {"isRedelivery": False},
            "source": {"type": "user", "userId": user},
            **payload,
        }
        if kind not in {"unfollow", "unsend", "reaction"}:
            event["replyToken"] = f"salon-reply-{self.sequence}"
        self.events.add(event["webhookEventId"])
        return event

    def send(self, *events: dict[str, Any], **notes: Any) -> None:
        self.requests.append({"destination": "U" + "0" * 32, "events": list(events), **notes})

    def text(self, user: str, text: str) -> dict[str, Any]:
        books = self.friends[user]
        if "営業時間" in text or "料金" in text or text.startswith("予約"):
            self.replies += 1
        if "料金" in text:
            books["interest"] += 2
        if text.startswith("予約"):
            books["interest"] += 5
            books["tags"].add("booked")
        message = {"type": "text", "id": f"5{self.sequence:017d}", "text": text, "quoteToken": "q"}
        return self.event(user, "message", message=message)

    def skin(self, user: str, answer: str, offset: int = 0, *, counts: bool = True) -> dict[str, Any]:
        books = self.friends[user]
        books["interest"] += 3
        if counts:
            books["tags"] -= {"dry", "oily"}
            books["tags"].add(answer)
            books["skin"] = answer
        self.replies += 1
        return self.event(user, "postback", offset, postback={"data": f"skin={answer}"})


def make() -> tuple[list[dict[str, str]], Day, dict[str, Any]]:
    chance = random.Random(20261122)
    day = Day()
    rows = []
    for number in range(FRIENDS):
        skin = chance.choice(["dry", "dry", "oily", "normal", ""])
        tags = {skin} & {"dry", "oily"} | ({"booked"} if chance.random() < 0.2 else set())
        interest = chance.randrange(0, 8)
        name = f"{chance.choice(FAMILY)} {chance.choice(GIVEN)}"
        rows.append(
            {
                "user_id": user_id(number),
                "display_name": name,
                "followed_at": f"2026-{chance.randrange(1, 10):02d}-{chance.randrange(1, 28):02d}T10:00:00+09:00",
                "tags": "|".join(sorted(tags)),
                "score.interest": str(interest),
                "attribute.skin": skin,
                "attribute.area": chance.choice(["渋谷", "新宿", "横浜", ""]),
            }
        )
        day.friends[user_id(number)] = {"tags": tags, "interest": interest, "skin": skin, "following": True}
    old = [user_id(n) for n in range(FRIENDS)]
    new = [user_id(FRIENDS + n) for n in range(NEWCOMERS)]
    for user in new:
        day.friends[user] = {"tags": {"new"}, "interest": 1, "skin": "", "following": True}
        day.send(day.event(user, "follow", follow={"isUnblocked": False}))
        day.replies += 1
    for index, user in enumerate(new):
        if index % 3 == 0:
            day.send(day.skin(user, "dry"))
        elif index % 3 == 1:
            day.send(day.skin(user, "oily"))
    for index, user in enumerate(old[:40]):
        day.send(day.skin(user, "dry" if index % 2 else "oily"))
    for index in range(40, 100, 3):
        first, second, third = old[index : index + 3]
        day.send(
            day.text(first, "営業時間を教えてください"),
            day.text(second, "料金はいくらですか？💰"),
            day.text(third, "予約したいです"),
        )
    for user in old[100:110]:
        sticker = {
            "type": "sticker",
            "id": f"6{user[:17]}",
            "packageId": "446",
            "stickerId": "1988",
            "stickerResourceType": "STATIC",
            "quoteToken": "q",
        }
        day.send(day.event(user, "message", message=sticker))
    for user in old[110:120]:
        image = {
            "type": "image",
            "id": f"7{user[:17]}",
            "contentProvider": {"type": "line"},
            "quoteToken": "q",
        }
        day.send(
            day.event(user, "message", message=image),
            day.event(user, "message", message=dict(image, id=f"8{user[:17]}")),
        )
        day.friends[user]["tags"].add("photo")
        day.friends[user]["interest"] += 1
    for user in old[120:128]:
        day.send(day.event(user, "unfollow"))
        day.friends[user]["following"] = False
    redelivered = [day.text(old[130], "予約お願いします"), day.skin(old[131], "dry")]
    day.send(*redelivered)
    day.send(*[dict(e, deliveryContext={"isRedelivery": True}) for e in redelivered], note="redelivered")
    later = day.skin(old[132], "oily", 0)
    earlier = day.skin(old[132], "dry", -5000, counts=False)
    day.send(later, note="the later answer arrives first")
    day.send(earlier, note="the earlier answer arrives last and must not undo the later one")
    day.send(
        day.event(old[133], "reaction", reaction={"type": "love", "target": "12345"}),
        note="an event type that does not exist yet",
    )
    group = {"type": "group", "groupId": "C" + "a" * 32, "userId": old[134]}
    in_group = day.event(
        old[134], "message", message={"type": "text", "id": "9", "text": "予約", "quoteToken": "q"}
    )
    day.send(dict(in_group, source=group), note="a group is recorded and never answered as 1:1")
    following = [f for f in day.friends.values() if f["following"]]

    def having(tag: str) -> int:
        return sum(tag in f["tags"] for f in following)

    target = [
        u
        for u, f in day.friends.items()
        if f["following"] and "dry" in f["tags"] and f["interest"] >= 3 and "booked" not in f["tags"]
    ]
    expected = {
        "friends": FRIENDS + NEWCOMERS,
        "following": len(following),
        "requests": len(day.requests),
        "events": len(day.events),
        "replies": day.replies,
        "tags": {tag: having(tag) for tag in ("new", "dry", "oily", "booked", "photo")},
        "segment": len(target),
        "segment_members": hashlib.sha256("".join(sorted(target)).encode()).hexdigest(),
        "explained": target[0],
        "newcomers": NEWCOMERS,
        "steps": 2 * NEWCOMERS,
    }
    return rows, day, expected


def main() -> None:
    rows, day, expected = make()
    with (HERE / "friends.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with (HERE / "day.jsonl").open("w", encoding="utf-8") as file:
        for request in day.requests:
            file.write(json.dumps(request, ensure_ascii=False) + "\n")
    (HERE / "expected.json").write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
