"""Freezing a run and judging its shards. Every function may be repeated, by many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.broadcasts import documents
from chalicelib.broadcasts.insight import units
from chalicelib.broadcasts.model import REST, SLICE_SHEETS, Arm, Broadcast, RunSnapshot, Slice, Totals
from chalicelib.broadcasts.plans import packing, plan, run_snapshots, shared_links
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.broadcasts.winners import rest
from chalicelib.broadcasts.winners import store as winner_store
from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import Reference
from chalicelib.conditions import language
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.links.page_addresses import TokenMaker
from chalicelib.messages import documents as messages
from chalicelib.messages import render
from chalicelib.segments import audience
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso
from chalicelib.topics import consent

_ONLY = "main"
_READ = frozenset({"segments", "attributes", "scores", "tags", "links", "forms", "topics"})
"""Kinds of documents whose content, or mere being there, decides about a friend or fills in a message."""


def arms_of(body: dict[str, Any], snapshot: catalog.Snapshot, now: datetime) -> list[Arm]:
    """The payloads of a document as the catalog has them now. Raises NotFound for a missing message."""
    policy = policies.of_account(accounts.get_account(snapshot.account_id), snapshot)
    variants = body.get("variants") or [{"id": _ONLY, "message": body.get("message"), "weight": 1}]
    arms = []
    for variant in variants:
        named = variant["message"]
        message = snapshot.get("messages", named).body if named else _whole(body)
        message = render.settled(message, snapshot)
        name = variant["id"] if body.get("variants") else None
        static = render.is_static(message)
        arm = Arm(variant["id"], float(variant["weight"]), message, static, name)
        begins = now
        if variant.get("at"):
            begins = max(now, parse_iso(variant["at"]))
            arm = replace(arm, at=iso(begins))
        arms.append(replace(arm, goes_at=iso(policies.goes_out_at(policy, arm.category, begins))))
    return arms


def _whole(body: dict[str, Any]) -> dict[str, Any]:
    """The message that a broadcast's document holds itself."""
    fields = ("name", "messages", "category", "topic", "track")
    return {name: body[name] for name in fields if body.get(name) is not None}


def freeze(broadcast: Broadcast) -> RunSnapshot:
    """The run's document as of now, or as it was frozen before. Raises RuleViolation: it cannot work."""
    run = str(broadcast.run)
    run_snapshot = run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, run)
    if run_snapshot is not None:
        return run_snapshot
    snapshot, account = catalog.snapshot(broadcast.account), accounts.get_account(broadcast.account)
    wrong = documents.problems(broadcast.id, broadcast.body, snapshot)
    if wrong:
        raise RuleViolation.of(wrong)
    now = clock.now()
    arms = arms_of(broadcast.body, snapshot, now)
    made = RunSnapshot(
        account=broadcast.account,
        broadcast=broadcast.id,
        run=run,
        body=broadcast.body | ({"rest_of": broadcast.rest_of} if broadcast.rest_of else {}),
        arms=arms,
        catalog=_needed(broadcast.body, arms, snapshot),
        now=iso(now),
        shards=account.shards,
        time_zone=account.time_zone,
        revision=broadcast.revision,
    )
    arms = [arm for arm, _ in shared_links.arranged(made, account, live=True)]
    if broadcast.body.get("audience") is not None:
        arms = units.with_units(broadcast.account, run, arms)
    made = replace(made, arms=arms)
    run_snapshots.freeze(made, broadcast.at or made.now)
    return run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, run) or made


def _needed(body: dict[str, Any], arms: Sequence[Arm], snapshot: catalog.Snapshot) -> catalog.Snapshot:
    """The documents that judging by this document and these messages may read."""
    found: dict[tuple[str, str], catalog.Document] = {}
    waiting = [*documents.references(body)]
    for arm in arms:
        waiting += messages.references(arm.body)
        waiting += [Reference("", "topics", topic) for topic in consent.topics_of(arm.body)]
    while waiting:
        named = waiting.pop()
        document = snapshot.find(named.kind, named.id)
        if document is None or named.kind not in _READ or (named.kind, named.id) in found:
            continue
        found[named.kind, named.id] = document
        if named.kind == "segments":
            waiting += language.references(document.body["condition"])
    return catalog.Snapshot(snapshot.account_id, documents=found)


def fan_out(run_snapshot: RunSnapshot, left: TimeLeft = NO_LIMIT) -> bool:
    """Ask for every shard that is not judged yet; True when everything is judged and packed already."""
    if packing.go_on(run_snapshot, left):
        return True
    done = plan_store.read_plan(run_snapshot.account, run_snapshot.plan).done
    missing = [shard for shard in range(run_snapshot.shards) if shard not in done]
    packing.ask(run_snapshot, [{"shard": shard} for shard in missing])
    return False


def fan_out_rest(
    run_snapshot: RunSnapshot, decision: Mapping[str, Any] | None, left: TimeLeft = NO_LIMIT
) -> bool:
    """The same for the rest of a test that is decided; True also when there is nobody to judge."""
    stage = rest.stage_of(run_snapshot, decision)
    if stage is None:
        return True
    done = plan_store.read_plan(run_snapshot.account, run_snapshot.run).done
    return not plan.add(done.values()).rest or fan_out(stage, left)


def judge_of(run_snapshot: RunSnapshot, tokens: friend_tokens.Maker) -> plan.Judge:
    """What decides about each friend of a run: the document, the time and the catalog, all frozen."""
    zone, now = ZoneInfo(run_snapshot.time_zone), parse_iso(run_snapshot.now)
    context = language.Context(run_snapshot.catalog, zone)
    included = language.compile_audience(run_snapshot.body["audience"], context)
    exclude = run_snapshot.body.get("exclude")
    excluded = language.compile(exclude, context) if exclude else None

    def token(arm: Arm, sheet: Sheet) -> TokenMaker:
        whose = FriendToken(sheet["user_id"], run_snapshot.broadcast, run_snapshot.run, arm.variant or "")
        return lambda page="": tokens(run_snapshot.account, whose, page)

    def rendered(arm: Arm, sheet: Sheet) -> list[dict[str, Any]]:
        try:
            return render.render(
                arm.body, sheet, run_snapshot.catalog, now, zone=zone, token=token(arm, sheet)
            )
        except render.Unrenderable as error:
            raise plan.CannotRender(str(error)) from error

    made = plan.Judge(
        broadcast=run_snapshot.broadcast,
        arms=run_snapshot.arms,
        included=lambda sheet: included(sheet, now),
        excluded=lambda sheet: excluded is not None and excluded(sheet, now),
        render=rendered,
        opted_out=lambda arm, sheet: consent.holds_back(sheet, arm.body, run_snapshot.catalog),
    )
    return _of_the_rest(made) if run_snapshot.stage else _of_a_test(made, run_snapshot.body.get("test") or {})


def _of_a_test(judge: plan.Judge, test: Mapping[str, Any]) -> plan.Judge:
    """With the shares of a test, which are shares of the whole audience."""
    hold_out, sample = float(test.get("hold_out_percent") or 0), float(test.get("sample_percent") or 100)
    share = sample * 100 / (100 - hold_out) if hold_out < 100 else 100
    return replace(judge, hold_out_percent=hold_out, sample_percent=share)


def _of_the_rest(judge: plan.Judge) -> plan.Judge:
    """Of friends whom the audience meant when it was judged: that is not asked again."""
    return replace(judge, included=lambda _: True, excluded=lambda _: False, is_rest=True)


@dataclass(frozen=True)
class Tools:
    """What a worker needs to judge the friends of a run, made once per batch.

    ``needs``: the attributes of a sheet that judging reads; None: all (a message may name any). ``pages``:
    reads whom there is to judge.
    """

    judge: plan.Judge
    needs: frozenset[str] | None
    policy: policies.Policy
    pages: rest.Pages


def tools(run_snapshot: RunSnapshot, tokens: friend_tokens.Maker = friend_tokens.sample) -> Tools:
    """The tools by the catalog as it was frozen, and the policies in force. ``tokens``: makes the friend
    tokens of links, live ones only for what is sent.
    """
    needs = _needs(run_snapshot)
    pages = rest.pages(run_snapshot) if run_snapshot.stage else _pages(run_snapshot, needs)
    return Tools(judge_of(run_snapshot, tokens), needs, policies.current(run_snapshot.account), pages)


def _pages(run_snapshot: RunSnapshot, needs: frozenset[str] | None) -> rest.Pages:
    """Reads the friends of the account; no message names what they have received, a condition may."""
    receipts = "received" in _asked(run_snapshot)

    def read(shard: int, after: str | None) -> tuple[list[Sheet], str | None]:
        sheets, following = audience.read_shard(
            run_snapshot.account,
            shard,
            after,
            SLICE_SHEETS,
            needs=needs,
            consistent=True,
            receipts=receipts,
        )
        return _unreached(run_snapshot, sheets), following

    return read


def _needs(run_snapshot: RunSnapshot) -> frozenset[str] | None:
    if not all(arm.static for arm in run_snapshot.arms):
        return None
    return frozenset({"topics"}) | _asked(run_snapshot)


def _asked(run_snapshot: RunSnapshot) -> frozenset[str]:
    """The attributes of a sheet that the conditions read."""
    asked = [run_snapshot.body["audience"], run_snapshot.body.get("exclude") or {"everyone": True}]
    return frozenset().union(*(language.needs(condition, run_snapshot.catalog) for condition in asked))


@dataclass(frozen=True)
class Judged:
    """How far a shard is judged: so many slices, the sheet to go on after, and what they come to."""

    number: int = 0
    key: str | None = None
    counts: Totals = field(default_factory=lambda: Totals({}, {}, 0))

    @property
    def is_over(self) -> bool:
        """Whether the shard has no more sheets."""
        return self.number > 0 and self.key is None

    def after(self, made: Slice) -> Judged:
        """With one more slice that is stored."""
        return Judged(self.number + 1, made.next_key, plan.add([self.counts, plan.totals([made])]))

    def body(self) -> dict[str, Any]:
        """As a message keeps it."""
        return {"number": self.number, "key": self.key, "counts": vars(self.counts)}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Judged:
        """From a message."""
        return cls(body["number"], body["key"], Totals(**body["counts"]))


def judge_shard(
    run_snapshot: RunSnapshot, by: Tools, shard: int, left: TimeLeft = NO_LIMIT, since: Judged | None = None
) -> Judged | None:
    """Judge a shard slice by slice, from ``since`` or where earlier ones stopped; then note its counts.

    Answers where to go on when the time was over before the shard was; None when it is judged.
    """
    at = begun = since or _judged_so_far(run_snapshot, shard)
    taken: set[str] = set()
    while not at.is_over:
        if left.is_over and at is not begun:
            return at
        sheets, next_key = by.pages(shard, at.key)
        made = _reserve(run_snapshot, by.policy, plan.make_slice(at.key, sheets, next_key, by.judge))
        taken |= made.recipients
        made = plan_store.put_slice(run_snapshot.account, run_snapshot.plan, shard, at.number, made)
        taken = _give_back(run_snapshot, by.policy, taken, made)
        at = at.after(made)
    plan_store.put_shard(run_snapshot.account, run_snapshot.plan, shard, at.counts, at.number)
    return None


def _unreached(run_snapshot: RunSnapshot, sheets: list[Sheet]) -> list[Sheet]:
    """Without the sheets of whom the run has reached (or may have) whose rest this one is for."""
    run = run_snapshot.body.get("rest_of")
    if not run or not sheets:
        return sheets
    users = [str(sheet["user_id"]) for sheet in sheets]
    reached = deliveries.reached(run_snapshot.account, run_snapshot.broadcast, run, users)
    return [sheet for sheet in sheets if sheet["user_id"] not in reached]


def _judged_so_far(run_snapshot: RunSnapshot, shard: int) -> Judged:
    at = Judged()
    for made in plan_store.slices(run_snapshot.account, run_snapshot.plan, shard, payloads=False):
        at = at.after(made)
        if at.is_over:
            break
    return at


def _reserve(run_snapshot: RunSnapshot, policy: policies.Policy, made: Slice) -> Slice:
    """Reserve the caps of a slice's recipients; those who are refused are skipped."""
    if not policy.caps:
        return made
    refused: dict[str, str] = {}
    for arm in run_snapshot.arms:
        users, goes_at = made.arms.get(arm.id, []), parse_iso(arm.goes_at or run_snapshot.now)
        refused |= policies.admit(
            run_snapshot.account, policy, arm.category, users, run_snapshot.run, goes_at
        )
    return plan.without(made, refused)


def _give_back(
    run_snapshot: RunSnapshot, policy: policies.Policy, taken: set[str], existing: Slice
) -> set[str]:
    """Free the places of those whom the stored slice decided about and does not send to.

    Answers those about whom a later slice decides: their places may be wanted there, by whoever writes it.
    """
    if not policy.caps:
        return set()
    decided = {user for user in taken if existing.next_key is None or user <= existing.next_key}
    by_arm: dict[tuple[str, str], list[str]] = {}
    for user in sorted(decided - existing.recipients):
        arm = plan.arm_of(run_snapshot.broadcast, run_snapshot.arms, user)
        by_arm.setdefault((arm.category, arm.goes_at or run_snapshot.now), []).append(user)
    for (category, goes_at), users in by_arm.items():
        policies.give_back(
            run_snapshot.account, policy, category, users, run_snapshot.run, parse_iso(goes_at)
        )
    return taken - decided


def totals(account: str, run: str) -> Totals:
    """The counts of a run's plan so far; of a test, those of the rest too as far as that is judged."""
    at = plan_store.read_plan(account, run)
    counted = plan.add(at.done.values())
    if not counted.rest or at.packed is None:
        return counted
    decision = winner_store.find_decision(account, run)
    dropped = decision["dropped"] if decision else None
    judged = plan_store.read_plan(account, run + REST).done if decision else {}
    return plan.with_rest(counted, plan.add(judged.values()), dropped)


def progress(account: str, run: str) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """A run's numbers now, which balance, and those of its variants."""
    chunks = deliveries.progress(account, run)  # before the plan: then no chunk is unknown to the plan
    counted = totals(account, run)
    variants = {arm: {"planned": n, "accepted": 0} for arm, n in counted.arms.items()}
    for arm, numbers in chunks["variants"].items():
        variants.setdefault(arm, {"planned": 0, "accepted": 0})["accepted"] = numbers["accepted"]
    return plan.progress(counted, chunks), variants
