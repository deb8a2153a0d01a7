"""Documents are refused when they cannot work: first their shape (400), then references and logic (422)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.catalog import references
from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Document, Key, Snapshot, body_text
from chalicelib.http.bodies import join_path, parse_model
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation, TodokuError
from chalicelib.shared.reasons import Reason

Kinds = Mapping[str, DocumentKind]


def normal_body(kind: DocumentKind, body: Any, prefix: str = "") -> Body:
    """A body as it is stored: checked against the kind's model, defaults filled in, absent options left out
    (a null that was written stays: it may mean something).

    Raises InvalidInput with paths below ``prefix``.
    """
    if not isinstance(body, dict):
        raise InvalidInput.of([Detail(prefix, Reason("must_be_object"))], whole="the document")
    model = parse_model(kind.model, body_text(body), prefix)
    given, filled, every = (
        model.model_dump(mode="json", by_alias=True, exclude_unset=unset, exclude_none=none)
        for unset, none in ((True, False), (False, True), (False, False))
    )
    normal: Body = _merged(given, filled, every)
    wrong = [Detail(join_path(prefix, detail.path), detail.reason) for detail in kind.shape(normal)]
    if wrong:
        raise InvalidInput.of(wrong)
    return normal


def _merged(given: Any, filled: Any, every: Any) -> Any:
    """What was given, and the defaults that are not null, at every depth, in the model's order."""
    if isinstance(given, dict) and isinstance(filled, dict):
        return {
            name: _merged(given[name], filled[name], every[name])
            if name in given and name in filled
            else given.get(name, filled.get(name))
            for name in every
            if name in given or name in filled
        }
    if isinstance(given, list) and isinstance(filled, list) and len(given) == len(filled):
        return [_merged(*parts) for parts in zip(given, filled, every, strict=True)]
    return given


def verify(kinds: Kinds, candidate: Snapshot, *, qualified: bool = False) -> None:
    """Check what a save is about to change, in the catalog as it would be.

    Each changed document's references and checks; the checks of the documents that name it, which a
    change may break; and that nothing names a deleted one. ``qualified``: paths begin with
    ``kind.id`` (bundles). Raises InvalidInput or RuleViolation.
    """
    shape: list[Detail] = []
    logic: list[Detail] = []
    for document in _changed(candidate):
        _check_one(kinds, document, candidate, _prefix(document, qualified), shape, logic)
    for document in _affected(kinds, candidate):
        _check_one(kinds, document, candidate, f"{document.kind}.{document.id}", logic, logic)
    for key in _deleted(candidate):
        for user, reference in users(kinds, candidate).get(key, ()):
            if references.is_there(reference, candidate):
                continue  # something else of this name is meant from now on
            logic.append(
                Detail(
                    f"{user[0]}.{user[1]}.{reference.path}", Reason("used_here", path=f"{key[0]}/{key[1]}")
                )
            )
    if shape:
        raise InvalidInput.of(shape)
    if logic:
        raise RuleViolation.of(logic)


def users(kinds: Kinds, snapshot: Snapshot) -> dict[Key, list[tuple[Key, Reference]]]:
    """Who names whom: ``{(kind, id): [((user kind, user id), reference)]}``. Made once per revision."""
    return snapshot.derived("catalog.users", lambda at: _users(kinds, at))


def _users(kinds: Kinds, snapshot: Snapshot) -> dict[Key, list[tuple[Key, Reference]]]:
    found: dict[Key, list[tuple[Key, Reference]]] = {}
    for document in snapshot:
        if document.kind in kinds:
            for reference in kinds[document.kind].references(document.body):
                user = (document.kind, document.id)
                for named in references.kinds_of(reference):
                    found.setdefault((named, reference.id), []).append((user, reference))
    return found


def _changed(candidate: Snapshot) -> list[Document]:
    changed = [document for document in candidate if document.revision == candidate.revision]
    return sorted(changed, key=lambda document: (document.kind, document.id))


def _deleted(candidate: Snapshot) -> list[Key]:
    versions = candidate.versions.items()
    return sorted(
        key for key, current in versions if current.deleted and current.revision == candidate.revision
    )


def _affected(kinds: Kinds, candidate: Snapshot) -> Iterator[Document]:
    """The unchanged documents that name a changed one."""
    changed = {(document.kind, document.id) for document in _changed(candidate)}
    used = users(kinds, candidate)
    names = changed | {(kinds[kind].named_as or kind, id_) for kind, id_ in changed if kind in kinds}
    keys = {user for key in names for user, _ in used.get(key, ())} - changed
    for kind, id_ in sorted(keys):
        yield candidate.get(kind, id_)


def _check_one(
    kinds: Kinds,
    document: Document,
    candidate: Snapshot,
    prefix: str,
    shape: list[Detail],
    logic: list[Detail],
) -> None:
    kind = kinds.get(document.kind)
    if kind is None:
        return
    if document.id in kind.path_words:
        logic.append(Detail(join_path(prefix, "id"), Reason("name_of_a_path")))
    logic.extend(
        Detail(join_path(prefix, detail.path), detail.reason)
        for detail in references.unresolved(kind.references(document.body), candidate)
    )
    try:
        found = [
            Detail(join_path(prefix, d.path), d.reason)
            for d in kind.check(document.id, document.body, candidate)
        ]
    except TodokuError as error:
        details = error.details or [Detail("", error.reason)]
        target = shape if isinstance(error, InvalidInput) else logic
        target += [Detail(join_path(prefix, d.path), d.reason) for d in details]
    else:
        known = {(detail.path, detail.reason) for detail in logic}
        logic += [detail for detail in found if (detail.path, detail.reason) not in known]


def _prefix(document: Document, qualified: bool) -> str:
    return f"{document.kind}.{document.id}" if qualified else ""
