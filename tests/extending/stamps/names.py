"""What cards may look like: the shop has a few designs, which nobody writes as documents."""

from __future__ import annotations

from chalicelib.catalog.references import Elsewhere

DESIGNS = ("plain", "blossom")

NAMES: dict[str, Elsewhere] = {
    "stamp-designs": Elsewhere((), lambda _account, id_: id_ in DESIGNS, lambda _account: DESIGNS),
}
