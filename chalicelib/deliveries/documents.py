"""The document this room owns: an account's policies."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.accounts.policies import Policies
from chalicelib.catalog.kinds import Body, DocumentKind
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason


def _only_default(id_: str, _body: Body, _snapshot: object) -> Iterable[Detail]:
    if id_ != "default":
        yield Detail("id", Reason("one_policies"))


DOCUMENTS: dict[str, DocumentKind] = {
    "policies": DocumentKind(
        "policies",
        Policies,
        path_name="policy",
        check=_only_default,
    )
}
