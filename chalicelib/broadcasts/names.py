"""What a condition calls a delivery: a scenario, or a broadcast."""

from __future__ import annotations

from chalicelib.catalog.references import Elsewhere


def _is_there(account: str, id_: str) -> bool:
    from chalicelib.broadcasts import store

    return store.find(account, id_) is not None


def _ids(account: str) -> list[str]:
    """Some of the broadcasts: enough to guess which was meant."""
    from chalicelib.broadcasts import store

    return [broadcast.id for broadcast in store.page(account, 200, None)[0]]


NAMES: dict[str, Elsewhere] = {"deliveries": Elsewhere(("scenarios",), _is_there, _ids)}
