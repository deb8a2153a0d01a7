"""LINE's side of rich menus in memory, at the seam: made, linked at once or some seconds later, refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.friends import store
from chalicelib.gateways import line, seam
from chalicelib.gateways.line_admin import Refused
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.media_builders import a_picture
from tests.roles import role_of

A = "/v1/accounts/shop"
AT = "2026-11-01T00:00:00.000Z"
NOW = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
SHARDS = 4


class Crashed(BaseException):
    """The process died here."""


def user(n: int) -> str:
    """LINE's kind of user id."""
    return f"U{n:032x}"


class Line:
    """The seam's guard: a clock, LINE's menus, what it refuses, and where to die."""

    def __init__(self) -> None:
        self.now = NOW
        self.menus: dict[str, dict[str, Any]] = {}
        self.images: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.default: str | None = None
        self.calls: Counter[str] = Counter()
        self.refuse: dict[str, list[Exception]] = {}
        self.unknown: set[str] = set()
        self.later: list[dict[str, Any]] = []
        self.crossings, self.crash_at, self.after = 0, None, False
        self.meanwhile: dict[str, Callable[[], Any]] = {}

    crash_at: int | None

    def guard(self, name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        if name in {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"}:
            return call()  # the queue's own doing
        self.crossings += 1
        dies = self.crash_at is not None and self.crossings >= self.crash_at
        if dies and not self.after:
            raise Crashed
        answer = self._answer(name, detail, call)
        if name in self.meanwhile:
            self.meanwhile.pop(name)()
        if dies:
            raise Crashed
        return answer

    def _answer(self, name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name == "sqs:SendMessageBatch":
            self._keep_later(detail)
        if name == "stepfunctions:StartExecution":
            return {}
        if not name.startswith("line:"):
            return call()
        kind = name.removeprefix("line:")
        self.calls[kind] += 1
        if self.refuse.get(kind):
            raise self.refuse[kind].pop(0)
        if kind == "profile":
            return None
        return getattr(self, f"_{kind}")(detail)

    def _keep_later(self, detail: Mapping[str, Any]) -> None:
        entries = (detail.get("params") or detail).get("Entries") or ()
        self.later += [json.loads(e["MessageBody"]) for e in entries if e.get("DelaySeconds")]

    def _richmenu(self, detail: Mapping[str, Any]) -> line.Answer:
        _, _, rest = str(detail["path"]).partition("/v2/bot/user/")
        who, _, menu = rest.partition("/richmenu")
        if detail.get("method") == "DELETE":
            self.links.pop(who, None)
            return line.Answer(200)
        if menu[1:] not in self.images and not menu[1:].startswith("richmenu-kept"):
            return line.Answer(404, "richmenu not found")
        self.links[who] = menu[1:]
        return line.Answer(200)

    def _richmenu_validate(self, _detail: Mapping[str, Any]) -> None:
        return None

    def _richmenu_create(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        menu = f"richmenu-{self.calls['richmenu_create']:032x}"
        self.menus[menu] = {name: value for name, value in detail.items() if name != "token"}
        return {"richMenuId": menu}

    def _richmenu_list(self, _detail: Mapping[str, Any]) -> dict[str, Any]:
        return {"richmenus": [{"richMenuId": id_, "name": m["name"]} for id_, m in self.menus.items()]}

    def _richmenu_delete(self, detail: Mapping[str, Any]) -> None:
        if self.menus.pop(detail["id"], None) is None:
            raise Refused(404, "LINE answered 404")
        self.images.pop(detail["id"], None)
        self.links = {who: menu for who, menu in self.links.items() if menu != detail["id"]}

    def _richmenu_image(self, detail: Mapping[str, Any]) -> bytes:
        if detail["menu"] not in self.images:
            raise Refused(404, "LINE answered 404")
        return self.images[detail["menu"]]

    def _richmenu_upload(self, detail: Mapping[str, Any]) -> None:
        if detail["menu"] in self.images:
            raise Refused(400, "LINE answered 400", "An image has already been uploaded to the rich menu")
        self.images[detail["menu"]] = b"picture"

    def _richmenu_default(self, _detail: Mapping[str, Any]) -> dict[str, Any]:
        if self.default is None:
            raise Refused(404, "LINE answered 404")
        return {"richMenuId": self.default}

    def _richmenu_default_set(self, detail: Mapping[str, Any]) -> None:
        self.default = detail["menu"]

    def _richmenu_default_clear(self, _detail: Mapping[str, Any]) -> None:
        self.default = None

    def _richmenu_alias_list(self, _detail: Mapping[str, Any]) -> dict[str, Any]:
        return {"aliases": [{"richMenuAliasId": a, "richMenuId": m} for a, m in self.aliases.items()]}

    def _richmenu_alias(self, detail: Mapping[str, Any]) -> None:
        self.aliases[detail["alias"]] = detail["menu"]

    def _richmenu_alias_delete(self, detail: Mapping[str, Any]) -> None:
        self.aliases.pop(detail["id"], None)

    def _richmenu_bulk_link(self, detail: Mapping[str, Any]) -> None:
        if detail["menu"] not in self.images:
            raise Refused(404, "LINE answered 404", "richmenu not found")
        if unknown := self.unknown.intersection(detail["users"]):
            place = detail["users"].index(min(unknown))
            raise Refused(400, "LINE answered 400", f"The property, userIds[{place}], is invalid")
        self.links.update(dict.fromkeys(detail["users"], detail["menu"]))

    def _richmenu_bulk_unlink(self, detail: Mapping[str, Any]) -> None:
        for who in detail["users"]:
            self.links.pop(who, None)

    def _richmenu_of_friend(self, detail: Mapping[str, Any]) -> dict[str, Any]:
        if detail["user"] not in self.links:
            raise Refused(404, "LINE answered 404")
        return {"richMenuId": self.links[detail["user"]]}

    def sees(self, n: int) -> str | None:
        """The document whose menu a friend sees."""
        menu = self.links.get(user(n), self.default)
        return None if menu is None else str(self.menus[menu]["name"].split()[1])


def a_shop(friends: int = 5) -> Api:
    """An account with friends who follow; every second one is a VIP."""
    api = an_api()
    an_account(api, shards=SHARDS)
    api.ok("PUT", f"{A}/tags/vip", {"name": "VIP"})
    for n in range(friends):
        a_friend(n, **({"tags": {"vip": {"since": AT, "by": "x", "at": AT}}} if n % 2 else {}))
    return api


def a_friend(n: int, **fields: Any) -> None:
    sheet = new_sheet("shop", user(n), AT) | {"status": "following", **fields}
    assert store.create_or_update("shop", SHARDS, user(n), None, sheet, None)


def a_menu(api: Api, text: str = "メニュー", **fields: Any) -> dict[str, Any]:
    """A document of one area, with a picture of its own."""
    image = api.ok("POST", f"{A}/media", a_picture(1200, 600), content_type="image/jpeg")["id"]
    area = {
        "bounds": {"x": 0, "y": 0, "width": 1200, "height": 600},
        "action": {"type": "message", "text": "予約"},
    }
    menu = {"size": {"width": 1200, "height": 600}, "selected": True, "chatBarText": text, "areas": [area]}
    return {"name": text, "rich_menu": menu, "image": image, **fields}


def put_menus(api: Api, **menus: dict[str, Any]) -> None:
    """Save documents by id."""
    for name, body in menus.items():
        api.ok("PUT", f"{A}/rich-menus/{name}", body)


EVERYBODY: dict[str, Any] = {"show": {"priority": 0}}
VIPS: dict[str, Any] = {"show": {"if": {"tag": "vip"}, "priority": 10}}


def two_menus(api: Api) -> None:
    """A default menu, and one for VIPs."""
    put_menus(api, main=a_menu(api, **EVERYBODY), vip=a_menu(api, "VIP", **VIPS))


def work(*, times: int = 1) -> None:
    """Do what waits, each message so often."""
    for _ in range(30):
        jobs, events = drain("bulk"), drain("inbox")
        if not jobs and not events:
            return
        for body in jobs:
            for _ in range(times):
                run(body)
        for body in events:
            react(FriendEvent.from_message(body))


def run(body: dict[str, Any]) -> None:
    """Do a job's message."""
    with role_of("bulk"):
        JOBS[body["job"]].run(body, 1)


def react(event: FriendEvent) -> None:
    with role_of("react"):
        reaction.react(event)


def messaged(n: int, world: Line, text: str = "x", id_: str = "e") -> FriendEvent:
    """A friend writes."""
    return FriendEvent(
        f"{id_}-{n}",
        "shop",
        user(n),
        "messaged",
        iso(world.now),
        props={"message_type": "text", "text": text},
    )


def publish(api: Api, *, times: int = 1) -> dict[str, Any]:
    """Publish, do all of it, and answer the job."""
    job = api.ok("POST", f"{A}/rich-menus/publish", {})["job_id"]
    work(times=times)
    found: dict[str, Any] = api.ok("GET", f"{A}/jobs/{job}")
    return found


def later(world: Line) -> None:
    """What was left for later."""
    bodies, world.later = world.later, []
    for body in bodies:
        run(body)


@pytest.fixture
def world(cloud: None) -> Iterator[Line]:
    """LINE at the seam, and a clock."""
    found = Line()
    with seam.guarded(found.guard):
        yield found


DAY = timedelta(days=1)
