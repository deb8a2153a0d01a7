"""Forms with files as browsers and programs write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http import multipart
from chalicelib.http.multipart import Part, Unreadable, parts

TYPE = "multipart/form-data; boundary=x"


def a_body(*pieces: bytes) -> bytes:
    return b"".join(b"--x\r\n" + piece + b"\r\n" for piece in pieces) + b"--x--\r\n"


def test_fields_and_files() -> None:
    """In their order; a name may hold what it likes, a file any bytes; a field for none is empty."""
    found = parts(
        TYPE,
        a_body(
            'Content-Disposition: form-data; name="名前"\r\n\r\n花子'.encode(),
            'content-disposition: form-data; filename="写\\"真%22.jpg"; name="f"\r\n'.encode()
            + b"Content-Type: text/html\r\n\r\n\x00\r\n\r\n--y\xff",
            b'Content-Disposition: form-data; name="none"; filename=""\r\n\r\n',
        ),
    )
    assert found == [
        Part("名前", None, "花子".encode()),
        Part("f", '写"真".jpg', b"\x00\r\n\r\n--y\xff"),
        Part("none", "", b""),
    ]


@given(st.binary(max_size=200))
def test_any_bytes_come_through(data: bytes) -> None:
    """As they are, unless they hold the boundary."""
    if b"\r\n--x" not in b"\r\n" + data:
        head = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        assert parts(TYPE, a_body(head + data)) == [Part("f", "f", data)]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", a_body()),
        (TYPE, b""),
        (TYPE, b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\ncut'),
        (TYPE, a_body(b"no head")),
        (TYPE, a_body(b'Content-Disposition: form-data; name="f"\r\nX: ' + b"y" * 9_000 + b"\r\n\r\n")),
        (TYPE, a_body(b'Content-Disposition: form-data; name="a"\r\n' * 2 + b"\r\nx")),
        (TYPE, a_body(*[b'Content-Disposition: form-data; name="f"\r\n\r\n'] * 501)),
    ],
)
def test_what_is_none_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        parts(content_type, body)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    """Nothing else is raised."""
    with contextlib.suppress(Unreadable):
        multipart.parts(TYPE, body)
