"""The HTTP API on a laptop: API Gateway in front of the Chalice app, with the contract's error shape.

    python -m chalicelib.local.api --port P --ready-fd FD [--simulator URL]

An account that is made or changed here is introduced to the simulated LINE, as its owner would have made the
channel at LINE.

Paths that no route has are 404, methods that a path has not are 405. On AWS the merged template's gateway
responses say the same.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import re
import sys
import uuid
from typing import Any

from chalice.app import Chalice
from chalice.local import LambdaContext, LambdaEventConverter, LocalChalice, RouteMatcher

from chalicelib.local.child import ready, wait_for_stop
from chalicelib.local.client import Client, Refused
from chalicelib.local.http import Reply, Request, Server
from chalicelib.local.wiring import load_app

_MAX_BODY = 10 * 1024 * 1024
"""API Gateway's limit."""
_TIMEOUT_MS = 29_000
_MEMORY_MB = 512
_ACCOUNT = re.compile(r"/v1/accounts/([^/]+)")
_CODES = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "limit_reached",
    503: "unavailable",
}


def refuse(status: int, message: str, headers: list[tuple[str, str]] | None = None) -> Reply:
    """An error in the contract's shape."""
    error = {"code": _CODES.get(status, "internal"), "message": message, "details": []}
    body = json.dumps({"error": error}, ensure_ascii=False).encode()
    return Reply(status, [("Content-Type", "application/json"), *(headers or [])], body)


def _is_chalices_own_error(body: Any) -> bool:
    return isinstance(body, dict) and set(body) == {"Code", "Message"}


class Gateway:
    """Turns HTTP requests into Lambda events of the app and its answers into HTTP."""

    def __init__(self, app: Chalice, simulator: str | None = None) -> None:
        # Chalice keeps the current request on the app object; its local class keeps it per thread.
        app.__class__ = type("LocalApp", (LocalChalice, app.__class__), {})
        self._app = app
        self._simulator = simulator
        self._events = LambdaEventConverter(RouteMatcher(list(app.routes)), app.api.binary_types)

    def answer(self, request: Request) -> Reply:
        """The app's answer to a request."""
        path = request.target.partition("?")[0]
        try:
            event = self._events.create_lambda_event(
                request.method, request.target, request.headers, request.body or None
            )
        except ValueError:
            return refuse(404, f"There is no {path} here.")
        methods = sorted(self._app.routes[event["requestContext"]["resourcePath"]])
        if request.method not in methods:
            if request.method == "OPTIONS" and (preflight := self._preflight(event, methods)):
                return preflight
            allow = [("Allow", ", ".join(methods))]
            return refuse(405, f"{path} takes {', '.join(methods)}, not {request.method}.", allow)
        event["requestContext"]["requestId"] = str(uuid.uuid4())
        answer = self._app(event, LambdaContext("api_handler", _MEMORY_MB, _TIMEOUT_MS))
        if self._simulator and request.method == "PUT" and answer["statusCode"] in {200, 201}:
            account = _ACCOUNT.fullmatch(path)
            if account:
                _introduce(self._simulator, account[1], request.body)
        return self._reply(answer)

    def _preflight(self, event: dict[str, Any], methods: list[str]) -> Reply | None:
        routes = self._app.routes[event["requestContext"]["resourcePath"]]
        cors = next((routes[method].cors for method in methods if routes[method].cors), None)
        if cors is None:
            return None
        headers = dict(cors.get_access_control_headers())
        headers["Access-Control-Allow-Methods"] = ",".join([*methods, "OPTIONS"])
        return Reply(200, list(headers.items()), b"")

    def _reply(self, answer: dict[str, Any]) -> Reply:
        headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            headers += [(name, str(value)) for value in values]
        status, body = int(answer["statusCode"]), answer.get("body") or ""
        if answer.get("isBase64Encoded"):
            return Reply(status, headers, base64.b64decode(body))
        if status >= 400 and body.startswith('{"Code"'):
            said = json.loads(body)
            if _is_chalices_own_error(said):
                allow = [(n, v) for n, v in headers if n.lower() != "content-type"]
                return refuse(status, str(said["Message"]), allow)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        return Reply(status, headers, body if isinstance(body, bytes) else body.encode())


def _introduce(simulator: str, account: str, body: bytes) -> None:
    """Make the account's channel known to the simulated LINE. Its sends would be refused otherwise."""
    given = json.loads(body)
    channel = {name: given.get(name) for name in ("name", "channel_secret", "channel_access_token")}
    try:
        with contextlib.closing(Client(simulator)) as line:
            line.put(f"/_sim/channels/{account}", channel)
    except (Refused, http.client.HTTPException, OSError) as error:
        print(f"the simulated LINE does not know account {account}: {error}", file=sys.stderr)


def serve(app: Chalice, port: int, simulator: str | None = None) -> Server:
    """A running API server."""
    server = Server(port, Gateway(app, simulator).answer, refuse=refuse, max_body=_MAX_BODY)
    server.start()
    return server


def main() -> None:
    """Serve until the supervisor asks to stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.api")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--simulator")
    options = parser.parse_args()
    server = serve(load_app(), options.port, options.simulator)
    ready(options.ready_fd)
    wait_for_stop()
    server.stop()


if __name__ == "__main__":
    main()
