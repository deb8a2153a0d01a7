"""Every kind of document, gathered from the rooms that own them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from chalicelib.broadcasts.dependents import broken
from chalicelib.catalog import service
from chalicelib.catalog.kinds import DOCUMENTS, DocumentKind
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import verify
from chalicelib.scenarios import loops, publishing
from chalicelib.shared.errors import Detail, RuleViolation

_FORMS = DOCUMENTS["forms"]


def _form_warnings(id_: str, snapshot: Snapshot) -> Iterable[Detail]:
    """Its own, and the circles that it is part of, which are known above the forms."""
    return [*_FORMS.warn(id_, snapshot), *loops.warnings(snapshot, "forms", id_)]


CHECKED: dict[str, DocumentKind] = {**DOCUMENTS, "forms": replace(_FORMS, warn=_form_warnings)}
"""All kinds, with those that are written by actions and never by hand (published scenarios)."""
KINDS: dict[str, DocumentKind] = {name: kind for name, kind in CHECKED.items() if kind.path_name}
"""The kinds that people author, in the order of an export."""
PATH_NAMES: dict[str, str] = {name: str(kind.path_name) for name, kind in KINDS.items()}
"""The name of their ids in paths."""


def _broadcasts_work(account: str) -> Callable[[Snapshot], None]:
    """Raises RuleViolation when a broadcast that may still go out worked before and would not any more."""

    def check(candidate: Snapshot) -> None:
        wrong = broken(service.snapshot(account), candidate)
        if wrong:
            raise RuleViolation.of(wrong)

    return check


publishing.checked_by(_broadcasts_work)


def checked(account: str, *, qualified: bool = False) -> Callable[[Snapshot], None]:
    """The check of a save: shape, references, logic, use; over every kind, and over broadcasts that may
    still go out.
    """

    def check(candidate: Snapshot) -> None:
        wrong: list[Detail] = []
        try:
            verify(CHECKED, candidate, qualified=qualified)
        except RuleViolation as error:
            wrong += error.details
        wrong += broken(service.snapshot(account), candidate)
        if wrong:
            raise RuleViolation.of(wrong)

    return check
