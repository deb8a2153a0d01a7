"""Bundles: a whole catalog, or a part of it, as ``{kind: {id: document}}``. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.catalog import references, sealing
from chalicelib.catalog.kinds import Body
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.catalog.validation import Kinds, normal_body
from chalicelib.http.bodies import join_path
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason

Bundle = dict[Key, Body]
_MOST_DIFFERENCES = 200


@dataclass(frozen=True)
class Change:
    """What applying a bundle does to one document; ``diff`` of an update, field by field."""

    kind: str
    id: str
    action: Literal["create", "update", "unchanged"]
    diff: list[dict[str, Any]]


def read(value: Any, kinds: Kinds) -> Bundle:
    """A bundle's documents in their stored form. Raises InvalidInput naming every wrong path."""
    if not isinstance(value, dict):
        raise InvalidInput(Reason("bundle_shape"))
    bundle: Bundle = {}
    wrong: list[Detail] = []
    for kind, id_, body in _entries(value, kinds, wrong):
        try:
            bundle[kind, id_] = normal_body(kinds[kind], body, f"{kind}.{id_}")
        except InvalidInput as error:
            wrong += error.details
    if wrong:
        raise InvalidInput.of(wrong)
    return bundle


def plan(seen: Snapshot, bundle: Bundle) -> list[Change]:
    """What applying the bundle to a catalog would do. What the bundle does not name is left alone."""
    changes = []
    for (kind, id_), body in sorted(bundle.items()):
        current = seen.find(kind, id_)
        if current is None:
            changes.append(Change(kind, id_, "create", []))
        elif _same(current.body, body):
            changes.append(Change(kind, id_, "unchanged", []))
        else:
            differences = [sealing.masked_difference(each) for each in difference(current.body, body)]
            changes.append(Change(kind, id_, "update", differences[:_MOST_DIFFERENCES]))
    return changes


def writes(seen: Snapshot, bundle: Bundle) -> list[Write]:
    """The writes that make a catalog hold the bundle. Raises RuleViolation for references to secrets that the
    documents do not hold.
    """
    keys = [(change.kind, change.id) for change in plan(seen, bundle) if change.action != "unchanged"]
    wrong = [detail for key in keys for detail in _unbound(seen, key, bundle[key])]
    if wrong:
        raise RuleViolation.of(wrong)
    return [Write(kind, id_, bundle[kind, id_]) for kind, id_ in keys]


def _unbound(seen: Snapshot, key: Key, body: Body) -> list[Detail]:
    current = seen.find(*key)
    found = sealing.unbound(current.body if current else None, body)
    return [Detail(f"{key[0]}.{key[1]}.{detail.path}", detail.reason) for detail in found]


def export(snapshot: Snapshot, kinds: Sequence[str]) -> dict[str, dict[str, Body]]:
    """Everything of the given kinds as a bundle value."""
    found = {kind: {id_: doc.body for id_, doc in snapshot.all(kind).items()} for kind in kinds}
    return {kind: documents for kind, documents in found.items() if documents}


def part(snapshot: Snapshot, kinds: Kinds, key: Key) -> dict[str, dict[str, Body]]:
    """A document as a bundle value, with every document that it needs: what it names, and what that names.
    Raises NotFound.
    """
    snapshot.get(*key)
    found: dict[str, dict[str, Body]] = {}
    todo = [key]
    while todo:
        kind, id_ = todo.pop()
        document = snapshot.find(kind, id_) if kind in kinds else None
        if document is None or id_ in found.get(kind, {}):
            continue
        found.setdefault(kind, {})[id_] = document.body
        for reference in kinds[kind].references(document.body):
            todo += [(named, reference.id) for named in references.kinds_of(reference)]
    return {kind: found[kind] for kind in kinds if kind in found}


def difference(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """The differences of two bodies: ``{path, before?, after?}``; a side that is not there is left out."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _member(before, after, name, join_path(path, name))
    elif isinstance(before, list) and isinstance(after, list):
        old, new = dict(enumerate(before)), dict(enumerate(after))
        for index in range(max(len(before), len(after))):
            yield from _member(old, new, index, f"{path}[{index}]")
    elif not _same(before, after):
        yield {"path": path, "before": before, "after": after}


def _member(
    before: Mapping[Any, Any], after: Mapping[Any, Any], name: Any, path: str
) -> Iterator[dict[str, Any]]:
    if name not in before:
        yield {"path": path, "after": after[name]}
    elif name not in after:
        yield {"path": path, "before": before[name]}
    else:
        yield from difference(before[name], after[name], path)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: ``true`` is not ``1``."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _entries(value: dict[str, Any], kinds: Kinds, wrong: list[Detail]) -> Iterator[tuple[str, str, Any]]:
    for kind, documents in value.items():
        if kind not in kinds:
            wrong.append(Detail(kind[:64], Reason("no_kind", kinds=list(kinds))))
        elif documents is None:
            continue  # a heading without documents, as people leave it in YAML
        elif not isinstance(documents, dict):
            wrong.append(Detail(kind, Reason("documents_by_id")))
        else:
            for id_, body in documents.items():
                if ID_PATTERN.match(id_):
                    yield kind, id_, body
                else:
                    wrong.append(Detail(f"{kind}.{id_[:64]}", Reason("id_wanted")))
