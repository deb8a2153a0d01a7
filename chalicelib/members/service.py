"""Members and links: each change is one write under a number, and whoever makes it updates the sheets.

A link: a place with the member, under the number that the link will have; then the link, if it is still what
was read; then the places that are stale by it go; then it is reported to the sheet. The order is what
``tests/model/test_members.py`` proves. Whoever might die on the way leaves a job first, ``settle_member``: it
comes when they are over, and does what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.friends import orders
from chalicelib.gateways import clock, inbox, queues
from chalicelib.members import kept_events, state, store
from chalicelib.members.model import MOST_FRIENDS, Link, Member, Way, addressee, member_of
from chalicelib.shared.errors import Conflict, NotFound, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

_ATTEMPTS = 20
_AFTER_S = 120
"""Longer than a request may take."""


@dataclass(frozen=True)
class Shown:
    """A member with the friends who are linked now, and since when one of them is."""

    member: Member
    user_ids: list[str]
    linked_at: str | None


def get(account: str, member: str) -> Shown:
    """A member. Raises NotFound."""
    found = store.find_members(account, [member]).get(member)
    if found is None or not found.exists:
        raise NotFound(Reason("no_member", member=member))
    return show(account, [found])[0]


def find(account: str, members: Iterable[str]) -> dict[str, Member]:
    """Those of some members who exist, by id."""
    return {name: member for name, member in store.find_members(account, members).items() if member.exists}


def show(account: str, members: Sequence[Member]) -> list[Shown]:
    """Members with their friends."""
    links = store.find_links(account, (user for member in members for user in member.places))
    return [_shown(member, links) for member in members]


def _shown(member: Member, links: Mapping[str, Link]) -> Shown:
    users = sorted(user for user, place in member.places.items() if links[user].holds(member.id, place))
    return Shown(member, users, min((links[user].at for user in users), default=None))


def keep_events(account: str, events: Sequence[FriendEvent]) -> list[FriendEvent]:
    """Keep what is reported of members; returns it as events of those friends who are linked now. Who links
    later gets it then.
    """
    kept = kept_events.keep(events)
    names = {member_of(event.user_id) or "" for event in kept}
    found = store.find_members(account, names)
    for name in names:
        if name not in found or not found[name].has_events:
            found[name] = store.note_events(account, name)
    friends = {shown.member.id: shown.user_ids for shown in show(account, list(found.values()))}
    return [
        kept_events.for_friend(event, user)
        for event in kept
        for user in friends.get(member_of(event.user_id) or "", ())
    ]


def events_of(account: str, member: str) -> list[FriendEvent]:
    """Everything that was reported of a member, in the order in which it was reported or happened."""
    return kept_events.of_member(account, member)


def put(
    account: str, member: str, rank: str | None, attributes: Mapping[str, Any], *, fire: bool = True
) -> tuple[Shown, bool]:
    """Put a member, and update their friends; returns whether they are new. Values are checked before."""
    is_new = change(account, member, rank, attributes, fire=fire)
    return get(account, member), is_new


def change(
    account: str, member: str, rank: str | None, attributes: Mapping[str, Any], *, fire: bool = True
) -> bool:
    """``put`` without the answer: whether they are new."""
    has_job = False
    for _ in range(_ATTEMPTS):
        seen = store.find_members(account, [member]).get(member) or Member(member)
        if seen.is_being_deleted:
            _delete_marked(account, seen)
            continue
        if seen.places and not has_job:
            _leave_job(account, members=[member])
            has_job = True
        is_same = seen.exists and (seen.rank, seen.attributes) == (rank, dict(attributes))
        at = max(iso(clock.now()), seen.at)
        wanted = replace(seen, rank=rank, attributes=dict(attributes), v=seen.v + 1, at=at, fire=fire)
        wanted = replace(wanted, created_at=seen.created_at or at)
        if is_same or store.put_member(account, wanted):
            if seen.places:  # who comes later gets the report of whoever links them
                report_to_friends(account, member)
            return not seen.exists
    raise Conflict(Reason("member_busy", member=member))


def link(
    account: str,
    member: str,
    user: str,
    way: Way,
    *,
    replace_other: bool = False,
    create: bool = False,
    fire: bool = True,
    grant: str | None = None,
) -> None:
    """Link a friend with a member, and update the friend's sheet. Safe to repeat.

    ``create``: a member who is not known becomes one. ``grant``: what is to be withdrawn when the link ends.
    Raises NotFound, and Conflict when the friend has another member, or the member has ten friends.
    """
    _leave_job(account, users=[user], members=[member])
    claim(account, member, user, way, replace_other=replace_other, create=create, grant=grant)
    settle(account, user, [member], fire=fire)


def claim(
    account: str,
    member: str,
    user: str,
    way: Way,
    *,
    replace_other: bool = False,
    create: bool = False,
    grant: str | None = None,
) -> Link:
    """The part of ``link`` that decides; whoever calls it sees to it that it is reported to the sheet."""
    for _ in range(_ATTEMPTS):
        seen = store.find_links(account, [user])[user]
        if seen.member == member and grant is None:
            return seen
        if seen.member not in {None, member} and not replace_other:
            _drop_stale(account, user, [member])
            raise Conflict(Reason("friend_has_member", user=user, member=str(seen.member)))
        number = seen.v + 1
        withdraw = (*seen.withdraw, seen.grant) if seen.grant else seen.withdraw
        if seen.member == member:
            if store.put_link(account, user, seen, replace(seen, v=number, grant=grant, withdraw=withdraw)):
                return replace(seen, v=number, grant=grant, withdraw=withdraw)
            continue
        if not _place(account, member, user, number, create=create):
            continue
        at = max(iso(clock.now()), seen.at)
        wanted = Link(number, member, number, at, way, grant, withdraw)
        if store.put_link(account, user, seen, wanted):
            if seen.member is not None:
                _drop_stale(account, user, [seen.member])
            return wanted
    raise Conflict(Reason("member_busy", member=member))


def unlink(account: str, member: str, user: str, way: Way, *, place: int | None = None) -> None:
    """End a friend's link with a member, and update the sheet. ``place``: this link alone, no later one.

    Raises NotFound when they are not linked.
    """
    _leave_job(account, users=[user], members=[member])
    for _ in range(_ATTEMPTS):
        seen = store.find_links(account, [user])[user]
        if seen.member != member or place not in {None, seen.place}:
            settle(account, user, [member])  # whoever ended it may have died on the way
            raise NotFound(Reason("not_linked", user=user, member=member))
        if _end(account, user, seen, way):
            settle(account, user, [member])
            return
    raise Conflict(Reason("member_busy", member=member))


def link_of(account: str, user: str) -> Link:
    """Whom a friend is linked with now."""
    return store.find_links(account, [user])[user]


def unlink_friend(account: str, user: str, way: Way) -> bool:
    """End whatever link a friend has; False when there is none. Safe to repeat."""
    seen = store.find_links(account, [user])[user]
    if seen.member is None:
        settle(account, user, [])
        return False
    try:
        unlink(account, seen.member, user, way)
    except NotFound:
        return False
    return True


def delete(account: str, member: str) -> None:
    """Delete a member: friends are unlinked, what was reported of them is forgotten. Raises NotFound."""
    _leave_job(account, members=[member])
    for _ in range(_ATTEMPTS):
        seen = store.find_members(account, [member]).get(member)
        if seen is None or not seen.exists:
            raise NotFound(Reason("no_member", member=member))
        marked = replace(seen, is_being_deleted=True, at=max(iso(clock.now()), seen.at))
        if store.put_member(account, marked):
            _delete_marked(account, replace(marked, rev=seen.rev + 1))
            return
    raise Conflict(Reason("member_busy", member=member))


def _delete_marked(account: str, member: Member) -> None:
    """What follows when a member is deleted; the item goes last."""
    for user, place in member.places.items():
        _overtake(account, user, place)
        try:
            unlink(account, member.id, user, "api", place=place)
        except NotFound:
            continue
    gone = kept_events.forget(account, member.id, member.at)
    named = [order for event in gone if (order := orders.order_id(event)) is not None]
    orders.release(account, addressee(member.id), named)
    left = store.find_members(account, [member.id]).get(member.id)
    if left is None or not left.is_being_deleted or left.places or not store.delete_member(account, left):
        return
    if kept_events.of_member(account, member.id):  # reported since
        store.note_events(account, member.id)


def settle(account: str, user: str, members: Iterable[str], *, fire: bool = True) -> None:
    """Do what may be left of a change of a friend's link: stale places with these members go, the sheet is
    updated, and gets what was reported of the member. Again and again, it changes nothing more.
    """
    _drop_stale(account, user, members)
    link = store.find_links(account, [user])[user]
    member = store.find_members(account, [link.member]).get(link.member) if link.member else None
    if not link.v:
        return
    if link.withdraw:
        queues.send("bulk", {"job": "withdraw_grants", "account": account, "user": user})
    report_to_sheet(account, user, link, member, fire=fire)
    if member is not None and member.has_events:
        queues.send("bulk", catching_up(account, user, member.id))


def catching_up(account: str, user: str, member: str) -> dict[str, Any]:
    """The job that brings a friend what was reported of their member."""
    return {"job": "catch_up_member", "account": account, "user": user, "member": member}


def settle_left(account: str, users: Sequence[str], members: Sequence[str]) -> None:
    """The job for whoever may have died on the way: what they were about to claim, nobody can claim."""
    for user in users:
        for known in store.find_members(account, members).values():
            _overtake(account, user, known.places.get(user, 0))
        settle(account, user, members)
    for name in () if users else members:
        member = store.find_members(account, [name]).get(name)
        if member is not None and member.is_being_deleted:
            _delete_marked(account, member)
        else:
            report_to_friends(account, name)


def report_to_friends(account: str, member: str) -> None:
    """Report to the sheets of a member's friends what the member is now."""
    known = store.find_members(account, [member]).get(member)
    if known is None:
        return
    links = store.find_links(account, known.places)
    events = [
        _report_event(account, user, links[user], known, fire=known.fire)
        for user, place in known.places.items()
        if links[user].holds(member, place)
    ]
    inbox.put_all(events, Reason("member_partly_queued", member=member))


def report_to_sheet(account: str, user: str, link: Link, member: Member | None, *, fire: bool = True) -> None:
    """Report to a friend's sheet what the link and the member are now."""
    event = _report_event(account, user, link, member, fire=fire)
    inbox.put_all([event], Reason("member_partly_queued", member=link.member or "-"))


def _report_event(account: str, user: str, link: Link, member: Member | None, *, fire: bool) -> FriendEvent:
    at = max(link.at, member.at) if member else link.at
    report = state.report_of(link, member)
    name = f"member:{report['link']}:{report['v']}"
    return FriendEvent(name, account, user, "member_updated", at, props=report, source="api", fire=fire)


def catch_up(account: str, user: str, member: str, start: int, most: int) -> int | None:
    """Bring a friend what was reported of their member, in its order; returns where to go on, None: all is
    brought, or they are not linked any more.
    """
    if store.find_links(account, [user])[user].member != member:
        return None
    events = kept_events.of_member(account, member)
    part = events[start : start + most]
    theirs = [kept_events.for_friend(event, user) for event in part]
    inbox.put_all(theirs, Reason("member_partly_queued", member=member))
    return start + len(part) if start + len(part) < len(events) else None


def forget(account: Account, user: str, until: str) -> None:
    """An erased friend is nobody's any more, unless they came back and were linked since."""
    link = store.find_links(account.id, [user])[user]
    if link.member is not None and link.at <= until:
        unlink_friend(account.id, user, "api")


def _place(account: str, member: str, user: str, number: int, *, create: bool) -> bool:
    """Give a friend a place with a member under a number; False: read again. Raises NotFound, Conflict."""
    seen = store.find_members(account, [member]).get(member) or Member(member)
    if not seen.exists:
        if not create or seen.is_being_deleted:
            raise NotFound(Reason("no_member", member=member))
        now = iso(clock.now())
        seen = replace(seen, v=1, at=now, created_at=now)
    known = seen.places.get(user, 0)
    if known >= number:
        return known == number
    if user not in seen.places and len(seen.places) >= MOST_FRIENDS:
        _free(account, seen)
        return False
    places = {**seen.places, user: number}
    return store.put_member(account, replace(seen, places=places))


def _free(account: str, member: Member) -> None:
    """Drop the places of a member that nobody holds. Raises Conflict when all of them are held."""
    links = store.find_links(account, member.places)
    loose = [user for user, place in member.places.items() if not links[user].holds(member.id, place)]
    if not loose:
        raise Conflict(Reason("member_is_full", member=member.id, most=MOST_FRIENDS))
    for user in loose:
        _overtake(account, user, member.places[user])
        _drop_stale(account, user, [member.id])


def _overtake(account: str, user: str, place: int) -> None:
    """Let a link have at least the number of a place, so that nobody claims it any more under that one."""
    while True:
        seen = store.find_links(account, [user])[user]
        if seen.v >= place or store.put_link(account, user, seen, replace(seen, v=place)):
            return


def _drop_stale(account: str, user: str, members: Iterable[str]) -> None:
    """Take away the places of a friend with these members that no link holds or can hold any more."""
    for name in dict.fromkeys(members):
        for _ in range(_ATTEMPTS):
            member = store.find_members(account, [name]).get(name)
            link = store.find_links(account, [user])[user]
            place = member.places.get(user, 0) if member else 0
            if member is None or not place or place > link.v or link.holds(name, place):
                break
            places = {other: number for other, number in member.places.items() if other != user}
            if store.put_member(account, replace(member, places=places)):
                break
        else:
            raise Unavailable(Reason("member_busy", member=name))


def _end(account: str, user: str, seen: Link, way: Way) -> bool:
    withdraw = (*seen.withdraw, seen.grant) if seen.grant else seen.withdraw
    at = max(iso(clock.now()), seen.at)
    return store.put_link(account, user, seen, Link(seen.v + 1, None, 0, at, way, None, withdraw))


def _leave_job(account: str, *, users: Sequence[str] = (), members: Sequence[str] = ()) -> None:
    """Leave a job for after whoever changes something now: it settles what they did not come to."""
    body = {"job": "settle_member", "account": account, "users": list(users), "members": list(members)}
    queues.send("bulk", body, delay_s=_AFTER_S)
