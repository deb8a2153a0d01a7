"""The simulator as one object: its memory, its rules, and the one method that answers every API request."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.gateways import clock
from chalicelib.local.line import bot_api, coupons, rich_menus
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.faults import Fault, Switchboard, parse_faults
from chalicelib.local.line.httpd import Request, Response, error
from chalicelib.local.line.limits import Limiter
from chalicelib.local.line.people import People
from chalicelib.local.line.phones import Hub, sent_item, with_titles
from chalicelib.local.line.routing import Route, Routes
from chalicelib.local.line.sending import KINDS, Accepted, Attempt, Refused, Sender
from chalicelib.local.line.store import Store
from chalicelib.local.line.targeting import audiences, insight, narrowcasts
from chalicelib.local.line.webhooks import Courier
from chalicelib.shared.times import iso, to_ms

_NO_TOKEN = "Authentication failed due to the following reason: invalid token"  # noqa: S105 (not a token)
_NO_HEADER = "Authentication failed. Confirm that the access token in the authorization header is valid."


class Simulator:
    """LINE. ``now`` and ``sleep`` may be replaced by a test's."""

    def __init__(
        self,
        directory: Path,
        api_url: str,
        now: Callable[[], datetime] = clock.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.store = Store(directory)
        self.people = People(self.store)
        self.limiter = Limiter(self.store.meta("limits", {}))
        self.switchboard = Switchboard()
        self.switchboard.set(*parse_faults(self.store.meta("faults", {})))
        self.hub = Hub()
        self.sender = Sender(self.store, self.people, self.new_id, self._heard, self._choose)
        self.now = now
        self.courier = Courier(self.store, self.people, api_url, now)
        self._sleep = sleep
        self._id_lock = threading.Lock()
        self._last_id = 0
        self._routes = Routes(
            [
                *(*bot_api.ROUTES, *rich_menus.ROUTES, *audiences.ROUTES, *narrowcasts.ROUTES),
                *(*insight.ROUTES, *coupons.ROUTES),
            ]
        )

    def new_id(self) -> str:
        """A message id: 18 digits, growing with time, never the same twice."""
        with self._id_lock:
            self._last_id = max(self._last_id + 1, to_ms(self.now()) * 100_000 + random.randrange(1000))
            return str(self._last_id)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    # the Messaging API --------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """LINE's answer to one API request, with its request id."""
        request_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        response = self._judge(request, request_id)
        response.headers.setdefault("x-line-request-id", request_id)
        return response

    def _judge(self, request: Request, request_id: str) -> Response:
        route, names, known_path = self._routes.find(request.method, request.path)
        if route is None:
            return error(405, "Method Not Allowed") if known_path else error(404, "Not found")
        account = self._authenticate(request)
        attempt = Attempt(account or "", route.kind, request, request_id, self.now())
        fault: Fault | None = None
        try:
            self._admit(attempt, route, account)
            fault = self._fault(route.kind)
            if route.kind in KINDS:
                response = self.sender.judge(attempt)
            else:
                response = route.handler(Call(self, request, attempt.account, names))
        except Refused as refused:
            if attempt.kind in KINDS:
                self.sender.record_refusal(attempt, refused.status, refused.body["message"])
            response = Response(refused.status, refused.body, refused.headers)
        return self._lose_answer(attempt, fault, response)

    def _admit(self, attempt: Attempt, route: Route[Handler], account: str | None) -> None:
        """Raise Refused for a missing or wrong token, and above the rate limit."""
        if account is None:
            missing = not attempt.request.headers.get("authorization")
            raise Refused(401, _NO_HEADER if missing else _NO_TOKEN)
        endpoint = f"{route.method} {route.path}"
        if not self.limiter.allows(account, route.kind, endpoint, attempt.now.timestamp()):
            raise Refused(429, "The API rate limit has been exceeded. Try again later.")

    def _authenticate(self, request: Request) -> str | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        strict: bool | None = self.store.meta("strict_tokens", None)
        return self.people.account_of_token(token.strip(), strict=strict)

    def _fault(self, kind: str) -> Fault | None:
        """The fault that meets this request, its delay served. Raises Refused if it strikes before LINE."""
        fault = self.switchboard.strike("richmenu" if kind.startswith("richmenu") else kind)
        wait = self.switchboard.latency_ms + (fault.delay_ms if fault else 0)
        if wait:
            self._sleep(wait / 1000)
        if fault is not None and fault.status is not None and not fault.after_accept:
            raise Refused(fault.status, fault.answer())
        return fault

    def _lose_answer(self, attempt: Attempt, fault: Fault | None, response: Response) -> Response:
        """A fault after acceptance: what LINE did remains, and the caller hears something else."""
        if fault is None or not fault.after_accept or fault.status is None:
            return response
        if response.status >= 300:
            self.switchboard.give_back(attempt.kind, fault)
            return response
        if attempt.kind in KINDS:
            self.sender.record_answer(attempt.request_id, fault.status)
        return Response(fault.status, {"message": fault.answer()})

    # what happens besides -----------------------------------------------------------------------------

    def _choose(self, attempt: Attempt, body: dict[str, Any]) -> list[str]:
        return narrowcasts.choose(self, attempt, body)

    def _heard(self, attempt: Attempt, accepted: Accepted, messages: list[Any], seq: int) -> None:
        if attempt.kind in {"narrowcast", "broadcast"}:
            audiences.keep_reached(self, attempt.account, attempt.request_id, accepted.delivered)
        shown = with_titles(self.store, attempt.account, messages)
        item = sent_item(seq, iso(attempt.now), attempt.kind, shown, accepted.sent)
        self.hub.publish(attempt.account, accepted.delivered, {"news": "item", "item": item})

    def set_webhook_url(self, account: str, url: str) -> None:
        """LINE's console or API points the channel's webhooks somewhere else."""
        self.people.register(replace(self.people.channel(account), webhook_url=url))
