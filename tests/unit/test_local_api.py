"""The local API Gateway: raw bodies, and the contract's error shape for everything the app never sees."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import Chalice, CORSConfig, Response

from chalicelib.local import api
from chalicelib.local.http import Reply, Request, Server, after_answer
from tests.local_gateway import in_process


def make_app() -> Chalice:
    app = Chalice(app_name="tiny")

    @app.route("/things/{name}")
    def get_thing(name: str) -> dict[str, Any]:
        return {"name": name, "query": app.current_request.query_params or {}}

    @app.route("/raw", methods=["POST"], content_types=["*/*"])
    def raw() -> dict[str, Any]:
        return {"hex": app.current_request.raw_body.hex()}

    @app.route("/json", methods=["PUT"])
    def put_json() -> Response:
        return Response(body=app.current_request.json_body, status_code=201, headers={"X-Seen": "yes"})

    @app.route("/open", methods=["POST"], cors=CORSConfig(allow_origin="https://shop.example"))
    def cross_origin() -> dict[str, Any]:
        return {}

    @app.route("/boom")
    def boom() -> dict[str, Any]:
        raise RuntimeError("a secret detail")

    @app.route("/page")
    def page() -> Response:
        return Response(body="<p>届く</p>", headers={"Content-Type": "text/html; charset=utf-8"})

    return app


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    app = make_app()
    running = api.serve(app, 0, in_process(app))
    yield running
    running.stop()


def ask(
    server: Server, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def code(body: bytes) -> str:
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "details"}
    return str(error["code"])


@pytest.mark.parametrize(
    ("method", "path", "status", "wanted"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("POST", "/things/a", 405, "method_not_allowed"),
        ("OPTIONS", "/things/a", 405, "method_not_allowed"),
        ("GET", "/boom", 500, "internal"),
        ("BREW", "/things/a", 405, "method_not_allowed"),
    ],
)
def test_errors_have_one_shape(
    server: Server, method: str, path: str, status: int, wanted: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Unknown paths, wrong methods and crashes answer the contract's error, never a trace."""
    seen, _, body = ask(server, method, path)
    assert (seen, code(body)) == (status, wanted)
    assert b"secret" not in body


@pytest.mark.parametrize(
    ("path", "name"),
    [("/things/z1;x", "z1%3Bx"), ("/things/z1;x=1?a=b;c", "z1%3Bx=1"), ("/things/z1#x", "z1%23x")],
)
def test_nothing_is_cut_off_a_path(server: Server, path: str, name: str) -> None:
    """What Python's URLs call parameters or a fragment is part of the id, as it is behind API Gateway."""
    status, _, body = ask(server, "GET", path)
    assert (status, json.loads(body)["name"]) == (200, name)
    assert ask(server, "GET", "//evil.example/things/z1")[0] == 404


def test_a_media_type_that_is_not_taken(server: Server) -> None:
    """Another media type than the route takes is 415 in the contract's shape."""
    status, _, body = ask(server, "PUT", "/json", b"<x/>", Content_Type="application/xml")
    assert (status, code(body)) == (415, "unsupported_media_type")


def test_bodies_arrive_byte_for_byte(server: Server) -> None:
    """A body that is no UTF-8, plain or chunked, reaches the view unchanged."""
    raw = bytes(range(256)) * 3
    _, _, body = ask(server, "POST", "/raw", raw, Content_Type="application/octet-stream")
    assert bytes.fromhex(json.loads(body)["hex"]) == raw
    _, _, body = ask(server, "POST", "/raw", iter([raw[:100], raw[100:]]))
    assert bytes.fromhex(json.loads(body)["hex"]) == raw


def test_answers_keep_status_headers_and_text(server: Server) -> None:
    """Status, headers, non-ASCII text and content types of a view's answer arrive."""
    status, headers, body = ask(
        server, "PUT", "/json", '{"名": "髪"}'.encode(), Content_Type="application/json"
    )
    assert (status, headers["x-seen"], json.loads(body)) == (201, "yes", {"名": "髪"})
    _, headers, body = ask(server, "GET", "/page")
    assert headers["content-type"].startswith("text/html")
    assert body.decode() == "<p>届く</p>"
    _, _, body = ask(server, "GET", "/things/x?a=1&b=")
    assert json.loads(body) == {"name": "x", "query": {"a": "1", "b": ""}}


def test_preflight(server: Server) -> None:
    """A route for other origins answers their browsers' preflight."""
    status, headers, _ = ask(server, "OPTIONS", "/open")
    assert (status, headers["access-control-allow-origin"]) == (200, "https://shop.example")
    assert "POST" in headers["access-control-allow-methods"]


def test_what_is_too_large_or_broken(server: Server) -> None:
    """A request above 10 MB is 413; what is not HTTP is 400; both in the contract's shape."""
    status, _, body = ask(server, "POST", "/raw", b"x" * (11 * 1024 * 1024))
    assert (status, code(body)) == (413, "too_large")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        answer = connection.recv(65536)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert code(answer.partition(b"\r\n\r\n")[2]) == "invalid_input"


def test_connections_are_kept(server: Server) -> None:
    """Many requests go over one connection, and HEAD-like mistakes do not break it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for method, path in (("GET", "/things/a"), ("HEAD", "/nope"), ("POST", "/nope"), ("GET", "/things/b")):
        connection.request(method, path, b"x" if method == "POST" else None)
        first = connection.sock
        assert connection.getresponse().read() is not None
        assert connection.sock is first
    connection.close()


def test_an_account_is_introduced_to_the_simulator() -> None:
    """Whoever makes an account here can send at once: the simulated LINE learns its channel. One that is
    not there keeps nobody from making accounts.
    """
    app, heard = Chalice(app_name="platform"), list[tuple[str, str, Any]]()

    @app.route("/v1/accounts/{account}", methods=["PUT"])
    def put_account(account: str) -> dict[str, Any]:
        return {"id": account}

    def hear(request: Request) -> Reply:
        heard.append((request.method, request.target, json.loads(request.body)))
        return Reply(200, [("Content-Type", "application/json")], b"{}")

    line = Server(0, hear, refuse=api.refuse, max_body=1000)
    line.start()
    platform = api.serve(app, 0, in_process(app), f"http://127.0.0.1:{line.port}")
    channel = {"name": "店", "channel_secret": "s", "channel_access_token": "t"}
    body = json.dumps(channel | {"shards": 4})
    try:
        for _ in range(2):
            status, _, _ = ask(platform, "PUT", "/v1/accounts/shop", body, Content_Type="application/json")
            assert status == 200
            line.stop()
    finally:
        platform.stop()
    assert heard == [("PUT", "/_sim/channels/shop", channel)]


def test_what_may_wait_is_done_after_the_answer() -> None:
    """The answer is read before the work that was put off has ended; without a request it is done at once."""
    read, done = threading.Event(), threading.Event()

    def work() -> None:
        assert read.wait(10)
        done.set()

    def answer(_request: Request) -> Reply:
        after_answer(work)
        return Reply(200, [], b"first")

    server = Server(0, answer)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(1000).startswith(b"HTTP/1.1 200")
            assert not done.is_set()
            read.set()
            assert done.wait(10)
    finally:
        server.stop()
    done.clear()
    after_answer(work)
    assert done.is_set()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\n", b"200"),
        ("GET //a HTTP/1.0\r\n", b"200"),
        ("GET / HTTP/1.1\r\nHost : x\r\n", b"400"),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n", b"400"),
        ("GET / HTTP/1.1\r\nno colon\r\n", b"400"),
        ("GET / HTTP/2.0\r\n", b"400"),
        ("GET /\r\n", b"400"),
        ("GET / a b HTTP/1.1\r\n", b"400"),
        ("GET / HTTP/1.1\r\n" + "a: b\r\n" * 101, b"431"),
        (f"GET / HTTP/1.1\r\na: {'b' * 70_000}\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused(sent: str, status: bytes) -> None:
    """Heads that are none are refused in the contract's shape, and the connection is closed."""
    seen: list[Request] = []
    server = Server(0, lambda request: seen.append(request) or Reply(200, [], b"{}"), refuse=api.refuse)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(sent.encode() + b"\r\n")
            line.shutdown(socket.SHUT_WR)
            answer = line.makefile("rb").read()
    finally:
        server.stop()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert len(seen) == (status == b"200")
    assert seen or json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]


def test_headers_arrive_as_they_came() -> None:
    """Names keep their case, what is said twice is put together, and a connection stays until it is told."""
    seen: list[Request] = []
    server = Server(0, lambda request: seen.append(request) or Reply(200, [], b"{}"))
    server.start()
    asked = b"POST /a?b HTTP/1.1\r\nX-Two:  a \r\nX-Two: b\r\nCONTENT-length: 2\r\n%s\r\nhi"
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
            line.sendall(asked % b"" + asked % b"connection: Close\r\n")
            answer = line.makefile("rb").read()
    finally:
        server.stop()
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [(one.target, one.body) for one in seen] == [("/a?b", b"hi")] * 2
    assert seen[0].headers == {"X-Two": "a,b", "CONTENT-length": "2"}


def test_a_body_shorter_than_it_says_is_no_body(server: Server) -> None:
    """Who says a longer body than they send is answered 400: half a file is never taken for a file."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(b"POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nuser_id\nU1\n")
        line.shutdown(socket.SHUT_WR)
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_input"
