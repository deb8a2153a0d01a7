"""The HTTP API on a laptop: API Gateway in front of the Chalice app, with the contract's error shape.

    python -m chalicelib.local.api --port P --ready-fd FD [--simulator URL]

An account that is made or changed here is introduced to the simulated LINE, as its owner would have made the
channel at LINE.

Paths that no route has are 404, methods that a path has not are 405, and an invocation that takes longer than
its function may is 503. On AWS the merged template's gateway responses say the same. LINE's webhook goes to
its own function, as there.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import sys
import uuid
from typing import Any
from urllib.parse import unquote

from chalice.app import Chalice
from chalice.local import LambdaEventConverter, RouteMatcher

from chalicelib.gateways import aws
from chalicelib.local.child import ready, wait_for_stop
from chalicelib.local.client import Client, Refused
from chalicelib.local.environments import Environments, InvocationFailed, Throttled, TimedOut
from chalicelib.local.http import Reply, Request, Server
from chalicelib.local.pollers import Invoke
from chalicelib.local.wiring import api_function, lambda_functions, load_app
from chalicelib.shared.settings import settings

_MAX_BODY = 10 * 1024 * 1024
"""API Gateway's limit."""
_OWN_FUNCTIONS = {"/webhook/{account}": "webhook"}
"""Paths whose function is not the API's."""
_ACCOUNT = re.compile(r"/v1/accounts/([^/]+)")
_FILES = "/media/"
_FILE = re.compile(r"/(media/[a-z0-9_-]+/[0-9a-z]{26}/[a-z0-9.]+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_FILE_HEADERS = {
    "CacheControl": "Cache-Control",
    "ContentType": "Content-Type",
    "ContentRange": "Content-Range",
}
_CODES = {
    400: "invalid_input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "limit_reached",
    431: "too_large",
    503: "unavailable",
}


def refuse(status: int, message: str, headers: list[tuple[str, str]] | None = None) -> Reply:
    """An error in the contract's shape."""
    error = {"code": _CODES.get(status, "internal"), "message": message, "details": []}
    body = json.dumps({"error": error}, ensure_ascii=False).encode()
    return Reply(status, [("Content-Type", "application/json"), *(headers or [])], body)


def _is_chalices_own_error(body: Any) -> bool:
    return isinstance(body, dict) and set(body) == {"Code", "Message"}


def file_answer(request: Request) -> Reply:
    """A file for messages, or a part of one, as CloudFront answers it on AWS."""
    if request.method not in {"GET", "HEAD"}:
        return refuse(405, "Files are read here.", [("Allow", "GET, HEAD")])
    found = _FILE.fullmatch(request.target.partition("?")[0])
    part = next((v for k, v in request.headers.items() if k.lower() == "range" and _RANGE.fullmatch(v)), None)
    if found is None:
        return refuse(404, "There is no such file.")
    s3 = aws.client("s3")
    asked = {"Bucket": settings().bucket, "Key": found[1]} | ({"Range": part} if part else {})
    try:
        kept = s3.get_object(**asked)
    except s3.exceptions.ClientError as error:
        return refuse(int(error.response["ResponseMetadata"]["HTTPStatusCode"]), "There is no such file.")
    headers = [(name, str(kept[key])) for key, name in _FILE_HEADERS.items() if kept.get(key)]
    headers += [("Accept-Ranges", "bytes"), ("X-Content-Type-Options", "nosniff")]
    body = b"" if request.method == "HEAD" else kept["Body"].read()
    return Reply(206 if "ContentRange" in kept else 200, headers, body)


class Gateway:
    """Turns HTTP requests into Lambda events of the app and its answers into HTTP."""

    def __init__(self, app: Chalice, invoke: Invoke, simulator: str | None = None) -> None:
        self._app = app
        self._invoke = invoke
        own = lambda_functions(app)
        self._own = {path: own[name] for path, name in _OWN_FUNCTIONS.items() if name in own}
        self._api = api_function()
        self._simulator = simulator
        self._events = LambdaEventConverter(RouteMatcher(list(app.routes)), app.api.binary_types)

    def answer(self, request: Request) -> Reply:
        """The app's answer to a request."""
        path, mark, query = request.target.partition("?")
        if path.startswith(_FILES):
            return file_answer(request)
        try:
            event = self._events.create_lambda_event(
                request.method, _as_one_path(path) + mark + query, request.headers, request.body or None
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
        try:
            function = self._own.get(event["requestContext"]["resourcePath"], self._api)
            answer = self._invoke(function, _as_text(event))
        except TimedOut:
            return refuse(503, "This took too long; try again.")
        except Throttled:
            return refuse(503, "Too many requests at a time; try again.")
        except InvocationFailed:
            return refuse(500, "An internal error occurred.")
        if self._simulator and request.method == "PUT" and answer["statusCode"] in {200, 201}:
            account = _ACCOUNT.fullmatch(path)
            if account:
                _introduce(self._simulator, unquote(account[1]), request.body)
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
            parsed = json.loads(body)
            if _is_chalices_own_error(parsed):
                allow = [(n, v) for n, v in headers if n.lower() != "content-type"]
                return refuse(status, str(parsed["Message"]), allow)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        return Reply(status, headers, body if isinstance(body, bytes) else body.encode())


def _as_one_path(path: str) -> str:
    """A path in which the route matcher finds no parameters (``z1;x``), fragment or host: it would drop them,
    and API Gateway does not. Raises ValueError for what begins like a host.
    """
    if path.startswith("//"):
        raise ValueError(path)
    return path.replace(";", "%3B").replace("#", "%23")


def _as_text(event: dict[str, Any]) -> dict[str, Any]:
    """The event as JSON can carry it: a body that is no text travels in base64."""
    body = event["body"]
    if not isinstance(body, bytes):
        return event
    try:
        return {**event, "body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _introduce(simulator: str, account: str, body: bytes) -> None:
    """Make the account's channel known to the simulated LINE. Its sends would be refused otherwise."""
    given = json.loads(body)
    channel = {name: given.get(name) for name in ("name", "channel_secret", "channel_access_token")}
    try:
        with contextlib.closing(Client(simulator)) as line:
            line.put(f"/_sim/channels/{account}", channel)
            if given.get("login_channel_id") and given.get("login_channel_secret"):
                login = {"channel_id": given["login_channel_id"], "liff_id": given.get("liff_id")}
                login["channel_secret"] = given["login_channel_secret"]
                login["liff_page"] = f"{settings().public_url}/liff/{account}"
                line.put(f"/_sim/login/{account}", login)
    except (Refused, http.client.HTTPException, OSError) as error:
        print(f"the simulated LINE does not know account {account}: {error}", file=sys.stderr)


def serve(app: Chalice, port: int, invoke: Invoke, simulator: str | None = None) -> Server:
    """A running API server."""
    server = Server(port, Gateway(app, invoke, simulator).answer, refuse=refuse, max_body=_MAX_BODY)
    server.start()
    return server


def main() -> None:
    """Serve until the supervisor asks to stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.api")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--simulator")
    options = parser.parse_args()
    app = load_app()
    environments = Environments(cpu_share=os.environ.get("TODOKU_LOCAL_CPU_SHARE") == "1")
    server = serve(app, options.port, environments.invoke, options.simulator)
    ready(options.ready_fd)
    wait_for_stop()
    server.stop()
    environments.close()


if __name__ == "__main__":
    main()
