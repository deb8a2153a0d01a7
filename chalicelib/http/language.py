"""In which language a request is answered: ``?lang=``, ``Accept-Language``, English."""

from __future__ import annotations

import re
from collections.abc import Callable

from chalice.app import Request, Response

from chalicelib.http.answers import error_response
from chalicelib.http.queries import query_text
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import LANGUAGES, Language, Reason, in_language

LANG = "lang"

LANG_DESCRIPTION = (
    "The language of sentences, en or ja; without it Accept-Language chooses, and then English."
)


def in_their_language(request: Request, respond: Callable[[Request], Response]) -> Response:
    """Chalice middleware: sentences are in the language that ``?lang=`` or ``Accept-Language`` asks for."""
    language = preferred(request.headers.get("accept-language") or "")
    asked = query_text(request, LANG, language) if may_ask_for_language(request) else language
    chosen = next((one for one in LANGUAGES if one == asked), None)
    with in_language(chosen or language):
        if chosen is None:
            return error_response(InvalidInput.at(LANG, Reason("must_be_one_of", choices=list(LANGUAGES))))
        return respond(request)


def may_ask_for_language(request: Request) -> bool:
    """Other paths' queries are not ours alone: links carry what others wrote."""
    return request.path.startswith("/v1/")


def preferred(header: str) -> Language:
    """Which of our languages an ``Accept-Language`` header likes best; English when it names none.

    https://www.rfc-editor.org/rfc/rfc9110#field.accept-language
    """
    liked: dict[Language, float] = {}
    for tag, _, weight in (part.partition(";") for part in header.split(",")[:_MOST_LANGUAGES]):
        language = tag.strip().lower().partition("-")[0]
        for ours in LANGUAGES if language == "*" else [one for one in LANGUAGES if one == language]:
            liked.setdefault(ours, _weight(weight))
    return "ja" if liked.get("ja", 0.0) > liked.get("en", 0.0) else "en"


def _weight(text: str) -> float:
    found = _WEIGHT.fullmatch(text)
    return float(found[1]) if found else 1.0


_MOST_LANGUAGES = 20

_WEIGHT = re.compile(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*")
