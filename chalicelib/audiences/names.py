"""Audiences are named in narrowcasts, and are no documents of the catalog."""

from __future__ import annotations

from chalicelib.catalog.references import Elsewhere


def _is_there(account: str, id_: str) -> bool:
    from chalicelib.audiences import service

    return service.find(account, id_) is not None


def _ids(account: str) -> list[str]:
    from chalicelib.audiences import service

    return service.ids(account)


NAMES: dict[str, Elsewhere] = {"audiences": Elsewhere((), _is_there, _ids)}
