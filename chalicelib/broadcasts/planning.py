"""Freezing a run, judging its shards, packing its chunks. Every function may be repeated, by many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.broadcasts import documents, frozen_store, plan, plan_store
from chalicelib.broadcasts.model import SLICE_SHEETS, Arm, Frozen, Head, Slice, Totals
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, queues
from chalicelib.messages import render, variables
from chalicelib.segments import audience, conditions
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.times import iso, parse_iso

_ONLY = "main"
_READ = frozenset({"segments", "attributes", "scores", "tags", "links"})
"""Kinds of documents whose content, or mere being there, decides about a friend or fills in a message."""


def arms_of(body: dict[str, Any], snapshot: catalog.Snapshot) -> list[Arm]:
    """The payloads of a document as the catalog has them now. Raises NotFound for a missing message."""
    variants = body.get("variants") or [{"id": _ONLY, "message": body["message"], "weight": 1}]
    arms = []
    for variant in variants:
        message = snapshot.get("messages", variant["message"]).body
        name = variant["id"] if body.get("variants") else None
        static = render.is_static(message)
        arms.append(Arm(variant["id"], float(variant["weight"]), message, static, name))
    return arms


def message_of(body: dict[str, Any], arm: Arm) -> str:
    """The id of the message that an arm sends."""
    variants = {variant["id"]: variant["message"] for variant in body.get("variants") or ()}
    return str(variants[arm.id] if variants else body["message"])


def freeze(head: Head) -> Frozen:
    """The run's document as of now, or as it was frozen before. Raises RuleViolation: it cannot work."""
    run = str(head.run)
    frozen = frozen_store.find_frozen(head.account, head.id, run)
    if frozen is not None:
        return frozen
    snapshot, account = catalog.snapshot(head.account), accounts.get_account(head.account)
    wrong = documents.problems(head.body, snapshot)
    if wrong:
        raise RuleViolation(f"{wrong[0].path}: {wrong[0].message}", wrong)
    arms = arms_of(head.body, snapshot)
    made = Frozen(
        account=head.account,
        broadcast=head.id,
        run=run,
        body=head.body,
        arms=arms,
        catalog=_needed(head.body, arms, snapshot),
        now=iso(clock.now()),
        shards=account.shards,
        time_zone=account.time_zone,
        revision=head.revision,
    )
    frozen_store.freeze(made, head.at or made.now)
    return frozen_store.find_frozen(head.account, head.id, run) or made


def _needed(body: dict[str, Any], arms: Sequence[Arm], snapshot: catalog.Snapshot) -> catalog.Snapshot:
    """The documents that judging by this document and these messages may read."""
    found: dict[tuple[str, str], catalog.Document] = {}
    waiting = [*documents.references(body)]
    for arm in arms:
        waiting += variables.references(arm.body["messages"])
    while waiting:
        named = waiting.pop()
        document = snapshot.find(named.kind, named.id)
        if document is None or named.kind not in _READ or (named.kind, named.id) in found:
            continue
        found[named.kind, named.id] = document
        if named.kind == "segments":
            waiting += conditions.references(document.body["condition"])
    return catalog.Snapshot(snapshot.account_id, documents=found)


def fan_out(frozen: Frozen) -> bool:
    """Ask for every shard that is not judged yet; True when everything is judged and packed already."""
    if pack_when_judged(frozen):
        return True
    done, _ = plan_store.read_plan(frozen.account, frozen.run)
    missing = [shard for shard in range(frozen.shards) if shard not in done]
    names = {"account": frozen.account, "broadcast": frozen.broadcast, "run": frozen.run}
    refused = queues.send_all("shards", [queues.Message({**names, "shard": shard}) for shard in missing])
    if refused:
        raise RuntimeError(f"queue shards refused {len(refused)} messages")
    return False


def judge_of(frozen: Frozen) -> plan.Judge:
    """What decides about each friend of a run: the document, the moment and the catalog, all frozen."""
    zone, now = ZoneInfo(frozen.time_zone), parse_iso(frozen.now)
    context = conditions.Context(frozen.catalog, zone)
    included = conditions.compile_audience(frozen.body["audience"], context)
    exclude = frozen.body.get("exclude")
    excluded = conditions.compile(exclude, context) if exclude else None

    def token(arm: Arm, sheet: dict[str, Any]) -> Callable[[], str]:
        whose = FriendToken(sheet["user_id"], frozen.broadcast, frozen.run, arm.variant or "")
        return lambda: friend_tokens.make(frozen.account, whose)

    def rendered(arm: Arm, sheet: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return render.render(arm.body, sheet, frozen.catalog, now, zone=zone, token=token(arm, sheet))
        except render.Unrenderable as error:
            raise plan.CannotRender(str(error)) from error

    return plan.Judge(
        broadcast=frozen.broadcast,
        arms=frozen.arms,
        hold_out_percent=float((frozen.body.get("test") or {}).get("hold_out_percent") or 0),
        included=lambda sheet: included(sheet, now),
        excluded=lambda sheet: excluded is not None and excluded(sheet, now),
        render=rendered,
    )


@dataclass(frozen=True)
class Tools:
    """What a worker needs to judge the friends of a run, made once per batch.

    ``needs``: the attributes of a sheet that judging reads; None: all (a message may name any).
    """

    judge: plan.Judge
    needs: frozenset[str] | None
    policy: policies.Policy


def tools(frozen: Frozen) -> Tools:
    """The tools by the catalog as it was frozen, and the policies in force."""
    return Tools(judge_of(frozen), _needs(frozen), policies.current(frozen.account))


def _needs(frozen: Frozen) -> frozenset[str] | None:
    if not all(arm.static for arm in frozen.arms):
        return None
    asked = [frozen.body["audience"], frozen.body.get("exclude") or {"everyone": True}]
    return frozenset().union(*(conditions.needs(condition, frozen.catalog) for condition in asked))


def judge_shard(frozen: Frozen, by: Tools, shard: int) -> None:
    """Judge a shard to its end, slice by slice, from where earlier ones stopped; then note its counts."""
    counted: list[Totals] = []
    number, key = 0, None
    taken: set[str] = set()
    for made in plan_store.slices(frozen.account, frozen.run, shard):
        counted.append(plan.totals([made]))
        number, key = number + 1, made.next_key
        if key is None:
            break
    while number == 0 or key is not None:
        sheets, next_key = audience.read_shard(
            frozen.account, shard, key, SLICE_SHEETS, needs=by.needs, consistent=True
        )
        made = _reserve(frozen, by.policy, plan.cut_slice(key, sheets, next_key, by.judge))
        taken |= made.recipients
        made = plan_store.put_slice(frozen.account, frozen.run, shard, number, made)
        taken = _give_back(frozen, by.policy, taken, made)
        counted.append(plan.totals([made]))
        number, key = number + 1, made.next_key
    plan_store.put_shard(frozen.account, frozen.run, shard, plan.add(counted), number)


def _reserve(frozen: Frozen, policy: policies.Policy, made: Slice) -> Slice:
    """Reserve the caps of a slice's recipients; those who are refused are skipped."""
    if not policy.caps:
        return made
    now = parse_iso(frozen.now)
    refused: dict[str, str] = {}
    for arm in frozen.arms:
        users = made.arms.get(arm.id, [])
        refused |= policies.admit(frozen.account, policy, arm.category, users, frozen.run, now)
    return plan.without(made, refused)


def _give_back(frozen: Frozen, policy: policies.Policy, taken: set[str], stands: Slice) -> set[str]:
    """Free the places of those whom the slice that stands decided about and does not send to.

    Answers those about whom a later slice decides: their places may be wanted there, by whoever writes it.
    """
    if not policy.caps:
        return set()
    decided = {user for user in taken if stands.next_key is None or user <= stands.next_key}
    by_category: dict[str, list[str]] = {}
    for user in sorted(decided - stands.recipients):
        arm = plan.arm_of(frozen.broadcast, frozen.arms, user)
        by_category.setdefault(arm.category, []).append(user)
    for category, users in by_category.items():
        reserved_at = parse_iso(frozen.now)
        policies.give_back(frozen.account, policy, category, users, frozen.run, reserved_at)
    return taken - decided


def pack_when_judged(frozen: Frozen) -> bool:
    """Pack, if every shard is judged and nobody has packed; True when everything is packed. Consistent.

    What is packed is emptied: whoever is killed in between leaves that to the next one who looks.
    """
    done, packed = plan_store.read_plan(frozen.account, frozen.run)
    if packed is None and len(done) < frozen.shards:
        return False
    if packed is None:
        pack(frozen)
    own = {arm.id for arm in frozen.arms if not arm.static}
    if own and plan_store.has_payloads(frozen.account, frozen.run):
        shards = [shard for shard, counted in done.items() if own & counted.arms.keys()]
        plan_store.empty(frozen.account, frozen.run, shards)
    return True


class _IsPacked(Exception):
    """Somebody else has packed, and begun to empty the slices."""


def all_slices(frozen: Frozen) -> Iterator[Slice]:
    """Every slice of a run in the order of shards. Raises when the run is packed and they are not whole."""
    for shard in range(frozen.shards):
        for made in plan_store.slices(frozen.account, frozen.run, shard):
            if made.emptied:
                raise _IsPacked
            yield made


def pack(frozen: Frozen) -> None:
    """Write the chunks of a run that is judged completely, then note that they stand. None is fed."""
    try:
        _pack(frozen)
    except _IsPacked:
        return  # chunks cut from emptied slices would not be those that stand


def _pack(frozen: Frozen) -> None:
    count, standing = 0, deliveries.chunk_names(frozen.account, frozen.run)
    for piece in plan.pack(frozen.arms, all_slices(frozen)):
        count += 1
        if piece.name in standing:
            continue
        deliveries.put_chunk(
            deliveries.Chunk(
                account=frozen.account,
                run=frozen.run,
                chunk=piece.name,
                kind="multicast" if piece.arm.static else "push",
                recipients=piece.users,
                messages=piece.arm.body["messages"] if piece.arm.static else None,
                payloads=None if piece.arm.static else piece.payloads,
                category=piece.arm.category,
                cause={"broadcast": frozen.broadcast, "message": message_of(frozen.body, piece.arm)},
                variant=piece.arm.variant,
            ),
            watch=False,
            feed=False,
        )
    plan_store.put_pack(frozen.account, frozen.run, count, clock.now())


def totals(account: str, run: str) -> Totals:
    """The counts of a run's plan so far."""
    done, _ = plan_store.read_plan(account, run)
    return plan.add(done.values())


def progress(account: str, run: str) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """A run's numbers as they stand now, which balance, and those of its variants."""
    chunks = deliveries.progress(account, run)  # before the plan: then no chunk is unknown to the plan
    counted = totals(account, run)
    variants = {arm: {"planned": n, "accepted": 0} for arm, n in counted.arms.items()}
    for arm, numbers in chunks["variants"].items():
        variants.setdefault(arm, {"planned": 0, "accepted": 0})["accepted"] = numbers["accepted"]
    return plan.progress(counted, chunks), variants
