"""Calls to other people's systems over real sockets: bounded in size and time, and nothing escapes."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.gateways import web
from chalicelib.shared import internet
from chalicelib.shared.settings import Settings

Talk = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def a_server(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """A server for one connection that reads one request and then says what ``talk`` says."""
    listening = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        connected, _ = listening.accept()
        connected.settimeout(5)
        try:
            connected = tls.wrap_socket(connected, server_side=True) if tls else connected
            heard.append(_request(connected))
            talk(connected)
        except OSError:
            return
        finally:
            connected.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
    finally:
        thread.join(10)
        listening.close()
        assert not thread.is_alive()


def _request(connected: socket.socket) -> bytes:
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += connected.recv(65536)
    head, _, body = heard.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connected.recv(65536)
    return head + b"\r\n\r\n" + body


def drip(text: bytes, after: bytes = b"") -> Talk:
    def talk(connected: socket.socket) -> None:
        connected.sendall(after)
        for at in range(len(text)):
            connected.sendall(text[at : at + 1])
            time.sleep(0.05)

    return talk


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(web, "DEADLINE_S", 0.5)
    return 2.0


def test_what_is_sent() -> None:
    """One whole request: method, encoded target, host with its port, headers, body."""
    with a_server(lambda c: c.sendall(OK + b"Content-Length: 2\r\n\r\n{}")) as (address, heard):
        assert web.post(f"{address}/予約/a%2Fb?q=あ&r=%E3#x", b"body", {"X": "1"}) == 200
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "POST /%E4%BA%88%E7%B4%84/a%2Fb?q=%E3%81%82&r=%E3 HTTP/1.1"
    assert {f"Host: {address[7:]}", "Connection: close", "Content-Length: 4", "X: 1"} <= set(lines)
    assert heard[0].endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"]
)
def test_an_announcement_is_no_answer(before: bytes) -> None:
    """1xx only says that an answer is coming."""
    with a_server(lambda c: c.sendall(before + b"HTTP/1.1 204 No Content\r\n\r\n")) as (address, _):
        assert web.post(f"{address}/", b"", {}) == 204


def a_certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS context for a host, and a caller's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    both = folder / "both.pem"
    both.write_bytes(
        built.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption())
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(both)
    return serving, ssl.create_default_context(cadata=built.public_bytes(encoding).decode())


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("elsewhere.jp", None)])
def test_https_is_for_the_host_of_the_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, status: int | None
) -> None:
    """The certificate must be for the host that the author wrote, not for the address it leads to."""
    serving, calling = a_certificate(tmp_path, host)
    monkeypatch.setattr(web, "_tls", lambda: calling)
    with a_server(lambda c: c.sendall(OK + b"\r\n"), serving) as (address, heard):
        url = address.replace("http://127.0.0.1", "https://localhost")
        if status:
            assert web.post(f"{url}/", b"x" * 100_000, {}) == status
            assert heard[0].endswith(b"x" * 100_000)
        else:
            with pytest.raises(web.NoAnswer, match="SSLCertVerificationError"):
                web.post(f"{url}/", b"", {})


def test_a_handshake_ends_at_the_deadline(short: float) -> None:
    """TLS that never comes about is no answer."""
    listening = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    with pytest.raises(web.NoAnswer):
        web.post(f"https://127.0.0.1:{listening.getsockname()[1]}/", b"", {})
    assert time.monotonic() - began < short
    listening.close()


def test_a_redirect_is_only_reported() -> None:
    """It is not followed: there is one connection."""
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with a_server(lambda c: c.sendall(answer)) as (address, heard):
        assert web.post(f"{address}/", b"", {}) == 302
    assert len(heard) == 1


def test_an_endless_answer_is_left() -> None:
    """The status counts; a stream without end is cut off after a little of it."""
    sent = 0

    def talk(connected: socket.socket) -> None:
        nonlocal sent
        connected.sendall(OK + b"Content-Length: 1500000000\r\n\r\n")
        for _ in range(1500):
            connected.sendall(bytes(1_000_000))
            sent += 1_000_000

    with a_server(talk) as (address, _):
        assert web.post(f"{address}/", b"", {}) == 200
    assert sent < 50_000_000


def test_a_packed_answer_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it would come to, nobody looks."""
    bomb = gzip.compress(bytes(30_000_000))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with a_server(lambda c: c.sendall(head + bomb)) as (address, _):
        began = time.monotonic()
        assert web.post(f"{address}/", b"", {}) == 200
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "text",
    [OK + b"X: " + b"y" * 200, b"HTTP/1.1 " + b" " * 200, b"HTTP/1.1 100 Continue\r\n\r\n" * 20],
    ids=["headers", "status", "announcements"],
)
def test_dripped_headers_end_at_the_deadline(short: float, text: bytes) -> None:
    """One deadline for everything: every byte in time does not make an answer in time."""
    began = time.monotonic()
    with a_server(drip(text)) as (address, _):
        with pytest.raises(web.NoAnswer):
            web.post(f"{address}/", b"", {})
        assert time.monotonic() - began < short


def test_a_dripped_body_ends_at_the_deadline(short: float) -> None:
    """The status has been said, so it counts."""
    began = time.monotonic()
    with a_server(drip(b"x" * 200, after=OK + b"\r\n")) as (address, _):
        assert web.post(f"{address}/", b"", {}) == 200
        assert time.monotonic() - began < short


def test_who_does_not_listen_ends_at_the_deadline(short: float) -> None:
    """Sending is under the deadline too."""
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        began = time.monotonic()
        with pytest.raises(web.NoAnswer):
            web.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", bytes(50_000_000), {})
        assert time.monotonic() - began < short
    finally:
        listening.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        OK + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    ],
)
def test_nonsense_is_no_answer(answer: bytes) -> None:
    """Too long, too many, or not HTTP at all."""
    with a_server(lambda c: c.sendall(answer)) as (address, _), pytest.raises(web.NoAnswer):
        web.post(f"{address}/", b"", {})


@pytest.mark.parametrize(
    "after",
    [
        b"X: " + b"y" * 70_000,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Length: -7\r\n\r\nab",
        b"Content-Length: 50\r\n\r\nab",
    ],
)
def test_what_breaks_after_the_status_does_not_matter(after: bytes) -> None:
    """The status came whole."""
    with a_server(lambda c: c.sendall(OK + after)) as (address, _):
        assert web.post(f"{address}/", b"", {}) == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://a..b/",
        f"https://{'x' * 64}.jp/",
        f"https://{'x.' * 130}jp/",
        "https://x.jp:99999/",
        "https://x.jp:abc/",
        "https://x.jp:0/",
        "https://[::g]/",
        "https://[::1/",
        "https://x jp/",
        "https://x.jp\\@y.jp/",
        "https://-x.jp/",
        "https://x.jp/a\r\nb",
        "https:///x",
        "https://",
        "x.jp",
        "",
        "ftp://x.jp/",
        "https://x\u2100.jp/",
        "https://\ud800.jp/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """For good: trying again would not help."""
    with pytest.raises(web.Refused):
        web.post(url, b"", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[64:ff9b:1::a9fe:a9fe]/",
        "https://2130706433/",
    ],
)
def test_nothing_private_is_called_on_aws(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Outside a laptop: https only, and every address the name leads to must be public."""
    monkeypatch.setattr(web, "settings", lambda: Settings(stage="prod"))
    with pytest.raises(web.Refused):
        web.post(url, b"", {})


def test_every_address_of_a_name_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """One private address among public ones is enough to refuse the name."""
    found = [(socket.AF_INET, 1, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(web, "settings", lambda: Settings(stage="prod"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(web.Refused, match=r"leads to 10\.0\.0\.1"):
        web.post("https://x.jp/", b"", {})


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "2606:2800:220:1:248:1893:25c8:1946",
        "2001:4860:4860::8888",
        "2400:cb00::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2001:0:808:808::f7f7:f7f7",
    ],
)
def test_public_addresses(address: str) -> None:
    """Ordinary ones, and those that stand for ordinary IPv4 ones."""
    assert internet.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.2.1"),
        *("192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("::", "::1", "fe80::1%eth0", "fec0::1", "fd00:ec2::254", "ff02::1", "100::1", "5f00::1", "3fff::1"),
        *("2001:db8::1", "2001:2::1", "2001:10::1", "2001:20::1"),
        *("::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254"),
        *("64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
        *("2001:0:808:808::5601:5601", "2001:0:a9fe:a9fe::f7f7:f7f7"),
    ],
)
def test_private_and_special_addresses(address: str) -> None:
    """Metadata, loopback, link-local, carrier, documentation, translated and mapped: all told apart."""
    assert not internet.is_public(address)
