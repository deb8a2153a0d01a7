"""What a route declares for the published contract, and the refusal of what it does not take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from chalice.app import Request
from pydantic import BaseModel

from chalicelib.http.bodies import raw_body
from chalicelib.http.language import LANG, LANG_DESCRIPTION, may_ask_for_language
from chalicelib.shared.errors import MAX_DETAILS, Detail, InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean

Role = Literal["viewer", "editor", "publisher", "admin"]


@dataclass(frozen=True)
class Operation:
    """What a route declares for the published contract.

    ``path`` is the route's path as registered. ``role`` None: no key is needed. ``request`` and
    ``response`` None: no body, or (with another media type than JSON) one that is not described by a
    model. ``query`` maps a query parameter's name to a sentence about it; every other one is refused,
    unless ``any_query``: addresses that others hand out carry what is not ours. Whatever needs more than a
    viewer and is no GET may change something and is in the audit log; ``audited``: this one is too. It is
    called ``action`` there, or as its path says. ``others``: what else it may answer, by status.
    """

    method: str
    path: str
    summary: str
    role: Role | None
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    status: int = 200
    query: Mapping[str, str] | None = None
    media_types: Sequence[str] = ("application/json",)
    any_query: bool = False
    audited: bool = False
    action: str | None = None
    others: Mapping[int, type[BaseModel]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _DECLARED[self.method, self.path] = self

    @property
    def takes_no_body(self) -> bool:
        """Whether any field in a body would be ignored."""
        return self.request is None and tuple(self.media_types) == ("application/json",)

    @property
    def is_audited(self) -> bool:
        """Whether each request has a line in the audit log."""
        return self.audited or (self.method not in {"GET", "HEAD"} and self.role not in {None, "viewer"})

    @property
    def action_name(self) -> str:
        """Its name in the audit log: ``tags.put``, ``broadcasts.send``, ``friends.import``."""
        if self.action is not None:
            return self.action
        parts = self.path.removeprefix("/v1/").removeprefix("accounts/{account}/").split("/")
        words = [part for part in parts if not part.startswith("{")]
        is_action = self.method == "POST" and len(words) > 1 and not parts[-1].startswith("{")
        return ".".join(words if is_action else [*words, self.method.lower()])


_DECLARED: dict[tuple[str, str], Operation] = {}
"""By (method, path). Whoever makes an Operation declares it."""


def operation_of(request: Request) -> Operation | None:
    """What the route of a request declares; None for a route that declares nothing."""
    return _DECLARED.get((request.method, request.path))


def refuse_undeclared(request: Request) -> None:
    """Raise InvalidInput for what the route would silently ignore: unknown query parameters, one that is
    given twice, and a body where none is taken."""
    operation = operation_of(request)
    if operation is None:
        return
    if not operation.any_query:
        _refuse_query(request, operation.query or {})
    if operation.takes_no_body and operation.role is not None and _BODY.search(raw_body(request)):
        raise InvalidInput(
            Reason("path_takes_no_body", method=operation.method), [Detail("", Reason("takes_no_body"))]
        )


_BODY = re.compile(rb"[^\s{}]")
"""What a body holds that says anything."""


def _refuse_query(request: Request, known: Mapping[str, str]) -> None:
    given = request.query_params
    if may_ask_for_language(request):
        known = {**known, LANG: LANG_DESCRIPTION}
    if given is None:
        return
    unknown = [name for name in given if name not in known]
    takes = Reason("no_parameter", known=list(known)) if known else Reason("no_parameters")
    wrong = [
        Detail(name, did_you_mean(takes, name, known) if place < MAX_DETAILS else takes)
        for place, name in enumerate(unknown)
    ]
    twice = [name for name in given if name in known and len(given.getlist(name)) > 1]
    wrong += [Detail(name, Reason("more_than_once")) for name in twice]
    if wrong:
        raise InvalidInput(Reason("at", path=wrong[0].path[:64], why=wrong[0].reason), wrong)
