"""QR codes, for print: a fold or a stain does not matter (level Q), and the margin is what readers need."""

from __future__ import annotations

import io

from chalice.app import Request, Response

from chalicelib.http.queries import query_choice, query_int

FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
QUERY = {"format": "svg or png", "scale": "points for each square, 1 to 40 (10)"}
"""What may be asked of a picture."""
_MARGIN = 4
_MOST_SCALE = 40


def answer(request: Request, text: str) -> Response:
    """The picture of a text as it is asked for. Raises InvalidInput."""
    form = query_choice(request, "format", list(FORMATS)) or "svg"
    body = draw(text, form, query_int(request, "scale", 10, _MOST_SCALE))
    headers = {"Content-Type": FORMATS[form], "X-Content-Type-Options": "nosniff"}
    return Response(body, headers={**headers, "Cache-Control": "no-store"})


def draw(text: str, form: str, scale: int) -> str | bytes:
    """The picture of a text in one of FORMATS: SVG is a text."""
    import segno  # Imported here: a dozen of functions never draw one.

    file = io.BytesIO()
    segno.make(text, error="q", micro=False).save(file, kind=form, scale=scale, border=_MARGIN)
    return file.getvalue().decode() if form == "svg" else file.getvalue()
