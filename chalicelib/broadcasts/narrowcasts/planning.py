"""A narrowcast's run before its call: its messages and lists are fixed, then its request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.audiences import service as audiences
from chalicelib.broadcasts.model import Arm, Broadcast
from chalicelib.broadcasts.narrowcasts import documents as lists
from chalicelib.broadcasts.narrowcasts import store
from chalicelib.broadcasts.narrowcasts.state import Narrowcast
from chalicelib.broadcasts.plans import planning
from chalicelib.catalog import service as catalog
from chalicelib.gateways import clock
from chalicelib.messages import render
from chalicelib.messages.together import arranged
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.topics import consent

KEPT_FOR = timedelta(days=4)
"""So long what was handed to LINE for one run stays there: LINE may be asked again for a day."""
OPTED_OUT = "opted_out"


def messages_of(arm: Arm, snapshot: catalog.Snapshot, account: str) -> list[dict[str, Any]]:
    """What everybody gets. Raises RuleViolation when it needs to know who that is."""
    try:
        zone = accounts.get_account(account).zone
        return arranged(render.render(arm.body, lists.NOBODY, snapshot, clock.now(), zone=zone))
    except render.Unrenderable as error:
        raise RuleViolation.at("message", Reason("narrowcast_personal", why=error.reason)) from error


def freeze(broadcast: Broadcast) -> Narrowcast:
    """The run as of now, or as it was frozen before. Raises RuleViolation, NotFound: it cannot work."""
    known = store.find(broadcast.account, str(broadcast.run))
    if known is not None:
        return known
    snapshot = catalog.snapshot(broadcast.account)
    (arm,) = planning.freeze(broadcast).arms  # its links go through LIFF where they can
    return store.create(
        Narrowcast(
            account=broadcast.account,
            broadcast=broadcast.id,
            run=str(broadcast.run),
            rev=1,
            body=broadcast.body,
            messages=tuple(messages_of(arm, snapshot, broadcast.account)),
            category=arm.category,
            topic=arm.topic,
            uploads=_uploads(str(broadcast.run), broadcast.body["narrowcast"], consent.topics_of(arm.body)),
        )
    )


def _uploads(run: str, narrowcast: Mapping[str, Any], topics: tuple[str, ...]) -> dict[str, str]:
    """The audiences that are made for the run, by what they are made of."""
    segments = [f"segment:{node['segment']}" for node, _ in lists.lists(narrowcast) if "segment" in node]
    wanted = [*dict.fromkeys(segments), *([OPTED_OUT] if topics else [])]
    return {name: f"run-{run.lower()}-{n}" for n, name in enumerate(wanted)}


def request_of(narrowcast: Narrowcast) -> str | Reason | None:
    """LINE's request as JSON; None while LINE has not all lists ready; a Reason when it cannot work."""
    groups = _groups(narrowcast)
    if groups is None or isinstance(groups, Reason):
        return groups
    asked = narrowcast.body["narrowcast"]

    def known(node: lists.Node) -> dict[str, Any] | bool:
        if "segment" in node or "audience" in node:
            name = f"segment:{node['segment']}" if "segment" in node else f"audience:{node['audience']}"
            group = groups[name]
            return group is not None and {"type": "audience", "audienceGroupId": group}
        return dict(node)

    recipient = lists.for_line(asked["recipient"], known) if asked.get("recipient") else True
    if recipient is False:
        return Reason("audience_empty")
    out = groups.get(OPTED_OUT)
    if out is not None:
        recipient = lists.without(recipient, out)
    body: dict[str, Any] = {"messages": list(narrowcast.messages)}
    body |= {} if isinstance(recipient, bool) else {"recipient": recipient}
    body |= {"filter": {"demographic": asked["demographic"]}} if asked.get("demographic") else {}
    body |= {"limit": {"max": narrowcast.most}} if narrowcast.most else {}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _groups(narrowcast: Narrowcast) -> dict[str, int | None] | Reason | None:
    """LINE's numbers of all lists by what they are made of, None for one with nobody in it."""
    found: dict[str, int | None] = {}
    is_waiting = False
    for name, audience in [*narrowcast.uploads.items(), *_named(narrowcast)]:
        if name in narrowcast.uploads:
            _ensure(narrowcast, name, audience)
        group = audiences.ready_group(narrowcast.account, audience)
        if isinstance(group, Reason) and group.code == "audience_empty" and name in narrowcast.uploads:
            found[name] = None
        elif isinstance(group, Reason):
            return group
        elif group is None:
            is_waiting = True
        else:
            found[name] = group
    return None if is_waiting else found


def _named(narrowcast: Narrowcast) -> list[tuple[str, str]]:
    """The audiences that the document names: ours by id, LINE's by number."""
    found = []
    for node, _ in lists.lists(narrowcast.body["narrowcast"]):
        if "audience" in node:
            found.append((f"audience:{node['audience']}", str(node["audience"])))
        elif node.get("type") == "audience":
            found.append((f"group:{node['audienceGroupId']}", str(node["audienceGroupId"])))
    return list(dict.fromkeys(found))


def _ensure(narrowcast: Narrowcast, name: str, audience: str) -> None:
    kind, _, segment = name.partition(":")
    of: dict[str, Any] = {"segment": segment}
    if kind == OPTED_OUT:
        topics = consent.topics_of({"category": narrowcast.category, "topic": narrowcast.topic})
        of = {"condition": {"any": [{"opted_out": topic} for topic in topics]}}
    account = accounts.get_account(narrowcast.account)
    ends_at = iso(clock.now() + KEPT_FOR)
    title = f"{narrowcast.broadcast} {segment or kind}"
    audiences.ensure(account, audience, title, of, ends_at)
