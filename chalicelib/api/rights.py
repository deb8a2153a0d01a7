"""What of a change of documents needs a publisher: whatever changes what may reach friends. One place.

The program's effects are everything that what is in force may do to friends, and every document that has a
say in it. A change that leaves them as they are is an editor's; any other needs a publisher (docs/access.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts import access
from chalicelib.accounts.model import Principal
from chalicelib.api.kinds import CHECKED
from chalicelib.broadcasts.dependents import OpenBroadcast, open_broadcasts
from chalicelib.catalog import service
from chalicelib.catalog.kinds import Body, Reference
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.rules import reach
from chalicelib.shared.errors import MAX_DETAILS, Detail, NotAllowed
from chalicelib.shared.reasons import Reason

_ASLEEP = frozenset(
    {"tags", "scores", "attributes", "segments", "messages", "forms", "links", "rules", "routes", "scenarios"}
    | {"rich-menus", "schedules", "topics", "coupons"}
)
"""Kinds that do nothing by being there: until something in force uses them, they are an editor's. Any other
kind counts as in force as soon as it is saved.
"""
_LABELS = frozenset({"name", "folder"})
"""What documents are called among staff: no friend sees it."""


@dataclass(frozen=True)
class Effect:
    """A document as far as friends may notice it, and why they may: a path and a reason."""

    body: Body
    path: str
    why: Reason


def effects(snapshot: Snapshot, open_broadcasts: Iterable[OpenBroadcast]) -> dict[Key, Effect]:
    """Every document that has a say in what may reach friends."""
    found: dict[Key, Effect] = {}
    _follow(_roots(snapshot, open_broadcasts), snapshot, found)
    _follow(_asked(snapshot), snapshot, found)
    return found


def _follow(roots: Iterable[tuple[Key, str, Reason]], snapshot: Snapshot, found: dict[Key, Effect]) -> None:
    """Add these documents, and all that they use."""
    waiting = deque(roots)
    while waiting:
        key, path, why = waiting.popleft()
        document = snapshot.documents.get(key)
        if key in found or document is None:
            continue
        found[key] = Effect(_seen(document.body), path, why)
        for reference in _references(key, document.body):
            waiting.append((_followed(reference), "", _used(key, reference, why)))


def _roots(snapshot: Snapshot, open_broadcasts: Iterable[OpenBroadcast]) -> Iterator[tuple[Key, str, Reason]]:
    for key, cause in sorted(reach.causes(snapshot).items()):
        yield key, cause.path, _in_force(reach.name_of(key), cause)
    for key in sorted(snapshot.documents):
        if key[0] not in _ASLEEP and key[0] != "published":
            yield key, "", Reason("in_force_saved", document=reach.name_of(key))
    for one in open_broadcasts:
        for reference in one.references():
            why = Reason("broadcast_uses", broadcast=one.id, status=one.status, path=reference.path)
            yield _followed(reference), "", why


def _in_force(document: str, cause: reach.Cause) -> Reason:
    if not cause.path:
        return Reason("in_force_and", document=document, why=cause.what)
    return Reason("in_force_and_at", document=document, why=cause.what, path=cause.path)


def _asked(snapshot: Snapshot) -> Iterator[tuple[Key, str, Reason]]:
    for form in sorted(reach.asked(snapshot)):
        yield ("forms", form), "", Reason("form_was_in_force", form=form)


def reached(snapshot: Snapshot) -> Iterator[Key]:
    """What friends may hold, whatever is in force by now: links, and forms that they were asked."""
    yield from (key for key in snapshot.documents if key[0] == "links")
    yield from (("forms", form) for form in reach.asked(snapshot))


def _used(user: Key, reference: Reference, why: Reason) -> Reason:
    return Reason("used_by", document=reach.name_of(user), path=reference.path, why=why)


def _references(key: Key, body: Body) -> Iterable[Reference]:
    kind = CHECKED.get(key[0])
    return kind.references(body) if kind else ()


def _followed(reference: Reference) -> Key:
    """What a name leads to in force: of a scenario what friends follow, not its draft."""
    return ("published" if reference.kind == "scenarios" else reference.kind), reference.id


def _seen(body: Body) -> Body:
    return {name: value for name, value in body.items() if name not in _LABELS}


def needs(before: Snapshot, after: Snapshot, open_broadcasts: Iterable[OpenBroadcast]) -> list[Detail]:
    """What of a change may reach friends, with the document and path that make it so. Pure."""
    ongoing = list(open_broadcasts)
    old, new = effects(before, ongoing), effects(after, ongoing)
    found = {
        key: new.get(key) or old[key]
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or old[key].body != new[key].body
    }
    touched = {key for key in found if before.documents.get(key) != after.documents.get(key)}
    # Where a document puts others in force, it alone is shown.
    shown = touched or set(found)
    details = [Detail(_path(key, found[key].path), found[key].why) for key in sorted(shown)]
    return details + [detail for detail in _moved_links(before, after) if detail.path not in _paths(details)]


def _paths(details: Iterable[Detail]) -> set[str]:
    return {detail.path for detail in details}


def _path(key: Key, path: str) -> str:
    return reach.name_of(key).replace("/", ".") + (f".{path}" if path else "")


def _moved_links(before: Snapshot, after: Snapshot) -> Iterator[Detail]:
    """Links that lead elsewhere from now on, also in what friends have got already. Whether a friend has one
    cannot be seen in the documents: what named it may name it no longer. So every link that was there counts,
    and the name of a deleted one too, which would lead on what was sent under it.
    """
    for id_, document in before.all("links").items():
        left = after.find("links", id_)
        if left is None or left.body.get("url") != document.body.get("url"):
            yield Detail(f"links.{id_}.url", Reason("link_in_use", id=id_))
    for key, current in before.versions.items():
        if key[0] == "links" and current.deleted and key in after.documents:
            yield Detail(f"links.{key[1]}", Reason("link_was_in_use", id=key[1]))


def guard(
    principal: Principal, account: str, check: Callable[[Snapshot], None]
) -> Callable[[Snapshot], None]:
    """The check of a save, and before it whether this principal may make the change. A save asks again
    whenever another writer came first, and writes only on top of the catalog that was compared with.
    """

    def both(candidate: Snapshot) -> None:
        before = service.snapshot(account)
        # On top of another revision nothing is written: the save asks again with the catalog as it is then.
        if not principal.may("publisher") and before.revision + 1 == candidate.revision:
            access.refuse(principal, needs(before, candidate, open_broadcasts(account)))
        if not principal.may("admin") and before.revision + 1 == candidate.revision:
            _keep_threshold(before, candidate)
        check(candidate)

    return both


def _keep_threshold(before: Snapshot, after: Snapshot) -> None:
    """Raises NotAllowed for another ``approval_above``: who sends could lift it, send, and put it back."""
    old, new = (s.find("policies", "default") for s in (before, after))
    if (old and old.body.get("approval_above")) != (new and new.body.get("approval_above")):
        reason = Reason("threshold_needs_admin")
        raise NotAllowed(reason, [Detail("policies.default.approval_above", reason)])


def publisher_needs(principal: Principal, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """``{"needs_publisher": [{path, message}]}`` for the plan of whoever is none, when there is anything."""
    if principal.may("publisher"):
        return {}
    found = needs(before, after, open_broadcasts(before.account_id))[:MAX_DETAILS]
    return {"needs_publisher": [d.body() for d in found]} if found else {}
