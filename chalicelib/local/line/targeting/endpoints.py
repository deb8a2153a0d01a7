"""``/_sim``: audiences that somebody made in LINE's manager, and how long LINE takes for things."""

from __future__ import annotations

from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response
from chalicelib.local.line.targeting import audiences, narrowcasts
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import quoted

DELAYS = (audiences.DELAY_S, narrowcasts.DELAY_S)


def _add_audience(call: Call) -> Response:
    body = call.request.json_object()
    account, type_, users = body.get("account"), body.get("type"), body.get("user_ids", [])
    if not isinstance(account, str) or not isinstance(type_, str) or not isinstance(users, list):
        raise InvalidInput(quoted("account, type and user_ids (a list) are needed"))
    new = audiences.New(
        type_,
        str(body.get("description") or type_),
        [str(user) for user in users],
        route="OA_MANAGER",
        fixed=str(body.get("status") or ""),
    )
    made = audiences.made(call.sim, account, new)
    return Response(body=made)


def _get_delays(call: Call) -> Response:
    return Response(body={name: call.sim.store.meta(name, None) for name in DELAYS})


def _put_delays(call: Call) -> Response:
    for name, value in call.request.json_object().items():
        if name not in DELAYS or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidInput(quoted(f"{name} must be one of {', '.join(DELAYS)}, and seconds"))
        call.sim.store.set_meta(name, value)
    return _get_delays(call)


ENDPOINTS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "audiences", _add_audience),
    ("GET", "delays", _get_delays),
    ("PUT", "delays", _put_delays),
)
