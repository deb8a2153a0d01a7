"""A publication: the documents become menus at LINE, then what friends see, then friends are moved.

1. ask LINE about each menu that is to be made, and refuse what it would refuse, while whoever asks is there;
2. in the background: note that a walk is on, make what is not at LINE yet; 3. one commit of the catalog says
what friends see from now on, if the documents are still those that were made; 4. aliases, the default menu;
5. the walk (``moving``). Killed anywhere, the same message does it again: what is made is found by its name,
and a commit of this job by its job. ``tests/model/test_rich_menus.py`` searches steps 3 to 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import Body
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import clock, queues
from chalicelib.gateways.line_admin import Refused
from chalicelib.jobs import kinds
from chalicelib.jobs import service as jobs
from chalicelib.richmenus import calls, making, moving, showing, shown, store
from chalicelib.richmenus.documents import KIND, SHOWN, SHOWN_ID, made_of, missing, published
from chalicelib.shared.errors import Detail, RuleViolation, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso

PUBLISH = "publish_rich_menus"
_ASKED = 40
"""Of so many menus LINE is asked while somebody waits; of the others when they are made."""
_TRIES = 3


class Changed(Exception):
    """The documents are others by now than those that were made."""


def begin(account_id: str, by: str) -> str:
    """Have the documents published; returns the job's id. Raises RuleViolation for what cannot be published,
    Unavailable while LINE does not answer.
    """
    account, snapshot = accounts.get_account(account_id), catalog.snapshot(account_id)
    wrong = list(problems(snapshot)) or _by_line(account, snapshot)
    if wrong:
        raise RuleViolation.of(wrong)
    if published(snapshot) is None and all(_is_empty(d.body) for d in snapshot.all(KIND).values()):
        raise RuleViolation(Reason("menus_none"))
    job = moving.create(account, by)
    queues.send("bulk", {"job": PUBLISH, "account": account.id, "id": job})
    return job


def problems(snapshot: Snapshot) -> Iterator[Detail]:
    """What keeps the documents from being published, as far as the catalog shows."""
    for id_, document in snapshot.all(KIND).items():
        if _is_empty(document.body):
            continue
        for detail in missing(document.body, snapshot):
            yield detail.below(f"{KIND}.{id_}")


def _is_empty(body: Body) -> bool:
    """A document that is nothing yet, and that nobody is to see."""
    return not any(body.get(name) for name in ("rich_menu", "rich_menu_id", "show", "alias"))


def _by_line(account: Account, snapshot: Snapshot) -> list[Detail]:
    """What LINE says is wrong with the menus that are to be made. Raises Unavailable."""
    found: list[Detail] = []
    try:
        for id_ in unmade(snapshot)[:_ASKED]:
            wrong = making.faults(account.id, id_, snapshot.get(KIND, id_).body)
            found += [detail.below(f"{KIND}.{id_}") for detail in wrong]
    except Refused as error:
        raise Unavailable(
            Reason("line_answered", status=error.status or 0, message=error.line_message)
        ) from error
    return found


def unmade(snapshot: Snapshot) -> list[str]:
    """The documents whose menus are not published yet as they are."""
    known = (published(snapshot) or {"menus": {}})["menus"]
    return [
        id_
        for id_, document in snapshot.all(KIND).items()
        if (made := made_of(document.body)) is not None and known.get(id_, {}).get("made") != made
    ]


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``publish_rich_menus``. What cannot work ends it, with the reason.

    While LINE is in trouble it comes again, later and later.
    """
    account, job = accounts.get_account(body["account"]), str(body["id"])
    store.begin_walk(account.id, job, iso(clock.now()))
    try:
        if not _publish(account, job, left):
            queues.send("bulk", {**body, "attempt": 1})
    except Changed:
        kinds.retry_later(dict(body), "the documents changed meanwhile")
    except RuleViolation as error:
        _fail(account, job, error.reason)
    except Refused as error:
        if error.may_work_later and not kinds.is_last(dict(body)):
            kinds.retry_later(dict(body), str(error))
        else:
            wrong = making.refusal(error)
            _fail(account, job, wrong[0].reason)


def _fail(account: Account, job: str, why: Reason) -> None:
    jobs.fail(account.id, job, why)
    store.end_walk(account.id, job)


def _publish(account: Account, job: str, left: TimeLeft) -> bool:
    """All of it; False when there was no time to make every menu."""
    before = published(catalog.snapshot(account.id))
    if before is None or before["job"] != job or not _is_all_there(account, before):
        ids = _make(account, catalog.snapshot(account.id), left)
        if ids is None:
            return False
        catalog.save(account.id, lambda seen: _next(seen, ids, job), lambda _: None, "rich-menus")
    snapshot = catalog.snapshot(account.id)
    if not _is_all_there(account, published(snapshot)):
        raise Changed
    showing.show(account, snapshot)
    moving.start(account, job, _base(account, snapshot, job))
    showing.seen_to(account, snapshot, iso(clock.now()))
    return True


def _base(account: Account, snapshot: Snapshot, job: str) -> str | None:
    """By what friends are linked that are to be moved. Published again with nothing changed, or while a
    period's own move had not begun, it moves everybody.
    """
    body = published(snapshot)
    if body is None or body["job"] != job:
        return None
    late = showing.unseen(account, shown.before(snapshot, account.zone), iso(clock.now()))
    return None if late else moving.BEFORE


def _make(account: Account, snapshot: Snapshot, left: TimeLeft) -> dict[tuple[str, str | None], str] | None:
    """LINE's ids of the documents' menus, by document and what it is made of; None: there is more to make."""
    known = {(menu.document, menu.made): menu.id for menu in reversed(making.ours(account.id))}
    standing = (published(snapshot) or {"menus": {}})["menus"]
    found: dict[tuple[str, str | None], str] = {}
    created = 0
    for id_, document in snapshot.all(KIND).items():
        made, old = made_of(document.body), standing.get(id_, {})
        if made is None:
            continue
        is_there = old.get("made") == made and old.get("rich_menu_id") in known.values()
        is_new = not is_there and (id_, made) not in known
        if is_new and created and left.is_over:
            return None
        created += is_new
        found[id_, made] = old["rich_menu_id"] if is_there else _made(account, id_, document.body, known)
    return found


def _made(account: Account, id_: str, body: Body, known: Mapping[tuple[str, str], str]) -> str:
    try:
        return making.make(account.id, id_, body, known)
    except RuleViolation as error:
        raise RuleViolation.of([detail.below(f"{KIND}.{id_}") for detail in error.details]) from error


def _next(seen: Snapshot, ids: Mapping[tuple[str, str | None], str], job: str) -> list[Write]:
    """The commit of a publication; nothing when it changes nothing. Raises Changed."""
    before = published(seen) or {"generation": 0, "menus": {}}
    menus = {id_: menu for id_, d in seen.all(KIND).items() if (menu := _shown(id_, d.body, ids)) is not None}
    if menus == before["menus"]:
        return []
    body = {
        "generation": before["generation"] + 1,
        "job": job,
        "published_at": iso(clock.now()),
        "menus": menus,
        "before": before["menus"],
    }
    return [Write(SHOWN, SHOWN_ID, body)]


def _shown(id_: str, body: Body, ids: Mapping[tuple[str, str | None], str]) -> Body | None:
    made, given = made_of(body), body.get("rich_menu_id")
    if made is None and given is None:
        return None
    if made is not None and (id_, made) not in ids:
        raise Changed
    shown_ = {"rich_menu_id": given or ids[id_, made], "made": made}
    return {k: v for k, v in (shown_ | {n: body.get(n) for n in ("alias", "show")}).items() if v is not None}


def _is_all_there(account: Account, body: Body | None) -> bool:
    """Whether LINE still has what was committed: what nothing shows is deleted now and then."""
    menus = (body or {"menus": {}})["menus"].values()
    wanted = {menu["rich_menu_id"] for menu in menus if menu.get("made")}
    return wanted <= making.with_token(account.id, calls.menus).keys()
