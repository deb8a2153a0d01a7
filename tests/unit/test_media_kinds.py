"""A file is what its bytes say: kinds, sizes and lengths of files made here byte by byte."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.media.kinds import recognise
from tests.media_builders import a_movie, a_picture, a_sound, an_m4a, box


def test_pictures_are_known_by_their_first_bytes() -> None:
    """JPEG and PNG; the rest is read by Pillow."""
    assert recognise(a_picture(3, 2))
    jpeg, png = recognise(a_picture(3, 2)), recognise(a_picture(3, 2, "PNG"))
    assert (jpeg and jpeg.content_type, png and png.suffix) == ("image/jpeg", "png")


@pytest.mark.parametrize("version", [0, 1])
def test_a_video_has_a_size_and_a_length(version: int) -> None:
    """From the headers of the movie and of its picture track, whatever comes first in the file."""
    found = recognise(a_movie(1280, 720, 12_500, version=version))
    assert found is not None
    assert (found.kind, found.width, found.height, found.duration_ms) == ("video", 1280, 720, 12_500)


def test_a_video_that_lies_on_its_side_is_turned() -> None:
    """A phone writes it as it was held, and how to turn it."""
    found = recognise(a_movie(1920, 1080, 1_000, turned=True))
    assert found is not None
    assert (found.width, found.height) == (1080, 1920)


def test_sounds_have_a_length() -> None:
    """M4A by its header, MP3 by its frames, with and without a title before them."""
    m4a, mp3, titled = recognise(an_m4a(3_000)), recognise(a_sound(100)), recognise(a_sound(100, title=True))
    assert m4a
    assert (m4a.kind, m4a.content_type, m4a.duration_ms) == ("audio", "audio/mp4", 3_000)
    assert mp3
    assert titled
    assert mp3.duration_ms == titled.duration_ms == round(100 * 1152 / 44.1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg/>",
        b"\x00\x00\x00\x18ftypisom",
        box(b"ftyp", b"isom") + box(b"moov", b""),
        b"\xff\xfb",
    ],
)
def test_other_files_are_not_known(data: bytes) -> None:
    """Nor are empty and broken ones."""
    assert recognise(data) is None


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", b"ID3\x03"])
)
def test_no_bytes_are_too_strange(data: bytes, before: bytes) -> None:
    """Whatever comes is recognised or not, and never raises."""
    recognise(before + data)


@given(st.data())
def test_a_spoilt_movie_raises_nothing(draw: st.DataObject) -> None:
    """One whose sizes lie, or that is cut off."""
    whole = bytearray(a_movie(640, 360, 1_000))
    for _ in range(draw.draw(st.integers(1, 4))):
        whole[draw.draw(st.integers(8, len(whole) - 1))] = draw.draw(st.integers(0, 255))
    recognise(bytes(whole[: draw.draw(st.integers(8, len(whole)))]))


def test_what_is_made_to_be_long_costs_no_time() -> None:
    """A million empty boxes, and as many frames."""
    assert recognise(box(b"ftyp", b"isom") + struct.pack(">I4s", 8, b"free") * 1_200_000) is None
    found = recognise(a_sound(400_000, tiny=True))
    assert found
    assert found.duration_ms
    assert abs(found.duration_ms - 400_000 * 24) < 1_000
