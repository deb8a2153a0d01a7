"""HTTP by few lines of our own: whatever a server may answer, and connections that it closes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.gateways import wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: a:b\r\n\r\n{}"


class Server:
    """Takes one connection after the other; each request gets its answer, cut into pieces; b"" closes."""

    def __init__(self, *connections: list[bytes], tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.requests: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve, args=(connections,), daemon=True)
        self._thread.start()

    def _serve(self, connections: tuple[list[bytes], ...]) -> None:
        for answers in connections:
            connection, _ = self.socket.accept()
            with suppress(OSError), self._wrapped(connection) as connection:
                for answer in answers:
                    self.requests.append(self._request(connection))
                    for n in range(0, len(answer), 7):
                        connection.sendall(answer[n : n + 7])

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(plain, server_side=True) if self.tls else plain

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data or not data.endswith(b"}"):
            if not (piece := connection.recv(65536)):
                break
            data += piece
        return data

    def close(self) -> None:
        self._thread.join(5)
        self.socket.close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    found: list[Server] = []
    yield found
    for server in found:
        server.close()


def test_a_request_is_one_write_and_a_connection_is_kept(servers: list[Server]) -> None:
    """Both requests come over one connection, with host, headers, length and body."""
    servers.append(server := Server([OK, OK]))
    endpoint = wire.Endpoint(server.url)
    for _ in range(2):
        answer = endpoint.post({"X-Own": "花".encode().hex()}, b'{"a":1}')
        assert answer == wire.Answer(200, {"content-length": "2", "x-name": "a:b"}, b"{}")
    host = server.url.removeprefix("http://").rstrip("/").encode()
    head = b"POST / HTTP/1.1\r\nHost: " + host + b"\r\nX-Own: e88ab1\r\nContent-Length: 7\r\n\r\n"
    assert server.requests == [head + b'{"a":1}'] * 2
    endpoint.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\n{} \r\n1\r\n \r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n{}  ",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}  ",
    ],
    ids=["chunked", "1.0", "until it closes"],
)
def test_each_way_to_mark_where_an_answer_ends(servers: list[Server], answer: bytes) -> None:
    """Only a connection of which that is known goes on."""
    goes_on = b"chunked" in answer
    servers.append(server := Server([answer, OK] if goes_on else [answer], [] if goes_on else [OK]))
    endpoint = wire.Endpoint(server.url)
    assert endpoint.post({}, b"{}").body == b"{}  "
    assert endpoint.post({}, b"{}").body == b"{}"
    endpoint.close()
    if goes_on:
        wire.Endpoint(server.url)._connect().close()


def test_a_kept_connection_that_was_closed_is_replaced(servers: list[Server]) -> None:
    """A server closes what is idle; the caller does not hear of it."""
    servers.append(server := Server([OK], [OK]))
    endpoint = wire.Endpoint(server.url)
    assert [endpoint.post({}, b"{}").status for _ in range(2)] == [200, 200]
    endpoint.close()


@pytest.mark.parametrize(
    "answer", [b"", OK[:20], OK[:-1], b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_answer_is_a_lost_connection(servers: list[Server], answer: bytes) -> None:
    """Cut off anywhere, or no HTTP: the caller may try again."""
    servers.append(server := Server([answer]))
    with pytest.raises(ConnectionError):
        wire.Endpoint(server.url).post({}, b"{}")


def test_nobody_listens() -> None:
    """Nothing was sent then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(wire.Unreachable):
        wire.Endpoint(f"http://127.0.0.1:{port}/").post({}, b"{}")


def a_certificate(folder: Path) -> Path:
    """Of ``localhost``, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "both.pem"
    file.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


def test_the_servers_certificate_is_checked(
    servers: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that the trusted authorities do not vouch for is sent nothing; for another name neither."""
    file = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    servers.append(server := Server([OK], [OK], [OK, OK], tls=context))
    url = server.url.replace("http:", "https:")
    with pytest.raises(wire.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        wire.Endpoint(url.replace("127.0.0.1", "localhost")).post({}, b"{}")
    trusting = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr(wire, "_tls", lambda: trusting)
    with pytest.raises(wire.Unreachable, match="IP address mismatch"):
        wire.Endpoint(url).post({}, b"{}")
    assert server.requests == []
    endpoint = wire.Endpoint(url.replace("127.0.0.1", "localhost"))
    assert [endpoint.post({}, b"{}").body for _ in range(2)] == [b"{}", b"{}"]
    endpoint.close()
