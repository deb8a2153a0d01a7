"""QR codes, for print: a fold or a stain does not matter (level Q), and the margin is what readers need."""

from __future__ import annotations

import io

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
_MARGIN = 4


def draw(text: str, form: str, scale: int) -> str | bytes:
    """The picture of a text in one of FORMATS: SVG is a text."""
    import segno  # Imported here: a dozen of functions never draw one.

    file = io.BytesIO()
    segno.make(text, error="q", micro=False).save(file, kind=form, scale=scale, border=_MARGIN)
    return file.getvalue().decode() if form == "svg" else file.getvalue()
