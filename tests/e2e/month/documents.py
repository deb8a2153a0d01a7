"""The shop's documents and files, and what its broadcasts and scenarios are to do with whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.e2e.month.books import AREAS, RANKS, TOKYO, Books, Person, Run, Sent
from tests.e2e.trial import Trial

if TYPE_CHECKING:
    from tests.e2e.month.story import Story

SHOP, LIFF = "shop", "2000000009-month"
LINKS, ROUTES = ("l0", "l1", "l2", "l3", "l4", "thanks", "morning", "guide"), ("advert", "poster", "web")
SCENARIOS = ("a", "b", "c", "d", "e", "f")


def open_shop(trial: Trial) -> str:
    """The account with everything in it."""
    path = f"/v1/accounts/{SHOP}"
    login = {"login_channel_id": "2000000009", "login_channel_secret": "6" * 32, "liff_id": LIFF}
    line = {"channel_secret": "s" * 32, "channel_access_token": "token-month"}
    trial.api.put(path, {"name": "ひと月の店", **line, **login})
    for name, body in _documents().items():
        trial.api.put(f"{path}/{name}", {"name": name, **body} if "policies" not in name else body)
    for scenario in SCENARIOS:
        trial.api.post(f"{path}/scenarios/{scenario}/publish", {})
    return path


def _documents() -> dict[str, dict[str, Any]]:
    messages = {
        "messages/hello": _text('案内 {{ link("guide") }}'),
        **{f"messages/{name}": _text(f"{name}: 😀") for name in ("a-m", "c-m", "d-m", "d-n")},
        **{f"messages/{name}": _text(f"{name}: 続き") for name in ("e-m", "e-n")},
        **{f"messages/{name}": _text(f'{name}: {{{{ link("l3") }}}} ') for name in ("b-m", "b-n")},
        **{f"messages/{name}": _text(f'{name}: {{{{ link("l4") }}}} ') for name in ("f-link", "f-t")},
        "messages/thanks": _text('thanks: {{ link("thanks") }} '),
        "messages/morning": _text('morning: {{ link("morning") }} ') | {"topic": "news"},
    }
    say = {"event": "messaged", "match": {"text": "案内"}}
    rules = {
        "rules/hello": {"when": say, "then": [{"reply": {"message": "hello"}}]},
        "rules/bought": {
            "when": {"event": "custom:bought"},
            "then": [{"add_tag": "bought"}, {"send": {"message": "thanks"}}],
        },
    }
    return {
        "policies/default": {"runaway": False},
        "topics/news": {},
        **{f"tags/{rank}": {"folder": "rank"} for rank in RANKS},
        **{f"tags/{tag}": {} for tag in ("bought", "odd", "answered")},
        "attributes/area": {"type": "choice", "choices": list(AREAS)},
        "attributes/age": {"type": "number"},
        "segments/gold": {"condition": {"tag": "gold"}},
        **{f"links/{link}": {"url": f"https://shop.example/{link}"} for link in LINKS},
        **{f"routes/{route}": {} for route in ROUTES},
        **messages,
        **rules,
        **{f"scenarios/{name}": {"start": "m", **body} for name, body in _scenarios().items()},
    }


def _text(text: str) -> dict[str, Any]:
    return {"messages": [{"type": "text", "text": text}]}


def _scenarios() -> dict[str, dict[str, Any]]:
    def message(name: str, following: str | None = None) -> dict[str, Any]:
        return {"type": "message", "message": name, "next": following}

    def waits(event: str, following: str) -> dict[str, Any]:
        return {"type": "wait_for", "event": f"custom:{event}", "timeout": "20d", "next": following}

    branch = {"type": "branch", "cases": [{"if": {"tag": "gold"}, "next": "out"}], "else": "m"}
    return {
        "a": {"nodes": {"m": message("a-m")}},
        "b": {
            "nodes": {
                "m": message("b-m", "w"),
                "w": {"type": "wait", "after": "5s", "next": "n"},
                "n": message("b-n"),
            }
        },
        "c": {
            "start": "who",
            "nodes": {"who": branch, "out": {"type": "exit", "reason": "vip"}, "m": message("c-m")},
        },
        "d": {
            "goals": [{"if": {"tag": "bought"}}],
            "nodes": {
                "m": message("d-m", "w"),
                "w": waits("go", "n") | {"on_timeout": "n"},
                "n": message("d-n"),
            },
        },
        "e": {
            "nodes": {
                "m": message("e-m", "w"),
                "w": {"type": "wait", "after": "20d", "next": "n"},
                "n": message("e-n"),
            }
        },
        "f": {
            "start": "link",
            "nodes": {
                "link": message("f-link", "w"),
                "w": waits("ok", "t") | {"on_timeout": None},
                "t": {"type": "action", "then": [{"add_tag": "answered"}, {"send": {"message": "f-t"}}]},
            },
        },
    }


def begun(books: Books, scenario: str, run: Run, at: datetime) -> None:
    """What everybody who entered has got, and where they stand then."""
    gold = {who for who in run.entered if "gold" in books.people[who].ranks}
    who, nodes = run.entered, {"b": ("m", "n"), "f": ("link",)}.get(scenario, ("m",))
    if scenario == "c":
        run.exited["vip"], who = gold, run.entered - gold
    for node in nodes:
        _sent(books, scenario, node, who, at)
    if scenario in {"a", "b", "c"}:
        run.finished = set(who)
    else:
        run.waiting = set(who)


def _sent(books: Books, scenario: str, node: str, who: set[str], at: datetime) -> None:
    books.sent.append(Sent(scenario, at, node, got=dict.fromkeys(who, (at, ""))))


def goal_of_d(story: Story) -> None:
    """A third of those who wait buy; then all go on."""
    run, books = story.books.runs["d"], story.books
    waiting = set(run.waiting)
    bought = set(sorted(waiting)[::3])
    story.says("bought", sorted(bought))
    at = datetime.now(UTC)
    story.says("go", sorted(waiting))
    books.sent.append(Sent("rule:bought", at, begins_with="thanks", got=dict.fromkeys(bought, (at, ""))))
    run.exited["goal"] = bought
    run.finished, run.waiting = waiting - bought, set()
    _sent(books, "d", "n", run.finished, at)


def exit_of_e(story: Story) -> None:
    """Some of those who wait are taken out by hand."""
    run = story.books.runs["e"]
    chosen = sorted(run.waiting)[::4]
    story.trial.api.post(f"{story.shop}/scenarios/e/exit", {"user_ids": chosen})
    run.exited["operator"] = set(chosen)
    run.waiting -= set(chosen)


def answer_of_f(story: Story) -> None:
    """Half of those who wait answer."""
    run = story.books.runs["f"]
    chosen = sorted(run.waiting)[::2]
    story.says("ok", chosen)
    run.finished = set(chosen)
    run.waiting -= run.finished
    _sent(story.books, "f", "t", run.finished, datetime.now(UTC))


def morning(books: Books, at: datetime) -> tuple[Sent, dict[str, Any]]:
    """A schedule for those in Osaka, its document, and who is meant to get its message."""
    one = Sent("schedule:morning", at, begins_with="morning")
    meant = [who for who in books.following() if who.area == "osaka" and not who.is_foreign]
    one.opted_out = sum(who.is_out for who in meant)
    one.got = {who.id: (at, "") for who in meant if not who.is_out}
    body = {
        "every": {"time": f"{at.astimezone(TOKYO):%H:%M}"},
        "audience": {"all": [{"attribute": {"id": "area", "eq": "osaka"}}, {"not": {"tag": "odd"}}]},
        "then": [{"send": {"message": "morning"}}],
    }
    return one, {"name": "morning", **body}


def broadcast(books: Books, number: int) -> tuple[Sent, dict[str, Any], list[Person]]:
    """A broadcast of a number, its document, and who is meant to get it (or LINE refuses to)."""
    name, link = f"b{number:02}", f'{{{{ link("{LINKS[number % 5]}") }}}}'
    one, following = Sent(name, books.now), books.following()
    body: dict[str, Any] = {"name": name, **_text(f"{name}: お知らせ"), "audience": {"everyone": True}}
    match number % 4:
        case 0:
            meant = following
        case 1:
            one.segment, body["audience"] = "gold", {"segment": "gold"}
            meant = [who for who in following if "gold" in who.ranks]
            body |= _text(f"{name}: {link} ")
        case 2:
            body["audience"] = {"all": [{"tag": "silver"}, {"attribute": {"id": "area", "eq": "osaka"}}]}
            meant = [who for who in following if "silver" in who.ranks and who.area == "osaka"]
            body |= _text(f"{name}: {link} ") | {"links": "push"}
        case _:
            body["audience"] = {
                "all": [{"attribute": {"id": "area", "eq": "tokyo"}}, {"not": {"tag": "odd"}}]
            }
            meant = [who for who in following if who.area == "tokyo" and not who.is_foreign]
            del body["messages"]
            body["variants"] = [{"id": arm, "weight": 1, "message": f"{name}-{arm}"} for arm in ("x", "y")]
    if number % 8 in {0, 5}:
        body["topic"] = "news"
        one.opted_out = sum(who.is_out for who in meant)
        meant = [who for who in meant if not who.is_out]
    return one, body, meant


def variants(number: int) -> dict[str, dict[str, Any]]:
    """The messages of a broadcast with variants."""
    link = f'{{{{ link("{LINKS[number % 5]}") }}}}'
    return {f"b{number:02}-{arm}": _text(f"b{number:02}:{arm} {link} ") for arm in ("x", "y")}


def friends_csv(books: Books) -> str:
    """The list of friends; of who was told of by LINE it says nothing of when and whether they follow."""
    columns = "user_id,display_name,followed_at,status,tags,attribute.area,attribute.age,topic.news"
    rows = [columns.split(",")]
    for n, one in enumerate(books.people.values()):
        tags = "|".join([*one.ranks, *(["odd"] if one.is_foreign else [])])
        when = ["", ""] if one.moves else [f"{one.followed_at:%Y-%m-%dT%H:%M:%S%z}", one.status]
        age = "" if one.age is None else str(one.age)
        rows.append([one.id, f"客{n}😀", *when, tags, one.area or "", age, "out" if one.is_out else ""])
    return _csv(rows)


def orders_csv(books: Books) -> str:
    """The orders of the past year."""
    rows = [["order_id", "user_id", "at", "amount"]]
    for one in books.people.values():
        for name, order in one.orders.items():
            rows.append([name, one.id, f"{order.at:%Y-%m-%dT%H:%M:%S%z}", str(order.amount)])
    return _csv(rows)


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
