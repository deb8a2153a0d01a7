"""What transfers keep of friends: files, and what was wrong with lines."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_exports(account: Any, user: str, until: str) -> None:
    from chalicelib.transfers import exports

    exports.forget(account, user, until)


def _forget_imports(account: Any, user: str, until: str) -> None:
    from chalicelib.transfers import imports

    imports.forget(account, user, until)


def _forget_import_errors(account: Any, user: str, until: str) -> None:
    from chalicelib.transfers import imports

    imports.forget_errors(account, user, until)


KEEPERS: dict[str, Keeper] = {
    "exports": Keeper(("exports/",), _forget_exports),
    "imports": Keeper(("uploads/", "imports/"), _forget_imports),
    "import_errors": Keeper(("JOBERR#…",), _forget_import_errors),
}
