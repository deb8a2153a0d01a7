"""The Lambda ``ops``: an operator's commands from the console's Test button."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.shared.errors import TodokuError
from chalicelib.shared.observability import note, observed

bp = Blueprint(__name__)


@bp.lambda_function(name="ops")
@observed
def ops(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """``{"command": "doctor", …}``: what the command answers; an error is ``{"ok": false, "error": …}``."""
    # The API's function imports this module for its registration, and never runs it.
    from chalicelib.ops.commands import carry_out

    given = dict(event)
    name = str(given.pop("command", ""))
    note(command=name)
    try:
        return carry_out(name, given)
    except TodokuError as error:
        return {"ok": False, **error.body()}
