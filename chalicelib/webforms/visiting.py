"""Who opens a form: the friend, what is known of them, and the form as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.accounts import page_tokens
from chalicelib.accounts.model import Account
from chalicelib.catalog.service import snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.forms.model import Form
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.http.queries import path_id
from chalicelib.pages import visits
from chalicelib.rules import reach
from chalicelib.rules.compile import program_of
from chalicelib.rules.model import Program
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from chalicelib.webforms.store import Sitting


@dataclass(frozen=True)
class Visitor:
    """``text``: the token with which they came."""

    account: Account
    user: str
    text: str
    sheet: Sheet
    form: Form
    program: Program

    def is_over(self, sitting: Sitting) -> bool:
        """Whether there is nothing to answer: it is sent, or was answered before and may be once alone."""
        answered = ((self.sheet.get("forms") or {}).get(self.form.id) or {}).get("at")
        return bool(sitting.sent_at or (self.form.once and answered))


def visitor(account: str, form: str, text: str) -> Visitor:
    """Whoever has this token of the form's page. Raises InvalidInput, NotFound, NotOpened."""
    found = visits.account_of(account)
    token = visits.opened(account, text, page_tokens.form(path_id(form, "form")))
    program, known = open_form(found, form)
    sheet = friends.load(account, found.shards, token.user_id)
    if sheet is None:
        sheet = new_sheet(account, token.user_id, iso(clock.now()))
    elif visits.is_of_erased(sheet, token):
        raise NotFound(Reason("page_erased"))
    return Visitor(found, token.user_id, text, sheet, known, program)


def open_form(account: Account, form: str) -> tuple[Program, Form]:
    """A form that friends may open: it is on the web, or something in force asks it in the chat.

    Raises NotFound. What is only being prepared is an editor's (docs/access.md), and nobody's to open.
    """
    catalog = snapshot(account.id)
    program = program_of(catalog, account.zone, account.react_within)
    known = program.forms.get(form)
    if known is None or not known.questions or not (known.web or form in reach.asked(catalog)):
        raise NotFound(Reason("page_no_form"))
    return program, known
