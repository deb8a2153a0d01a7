"""What actions do with rich menus: show a friend another one."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.actions.kinds import ActionKind, named
from chalicelib.actions.model import ActionContext, CannotRun, Decision, Done, Effect, EffectContext
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id
from chalicelib.shared.reasons import Reason


def _is_at_line(menu: str, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    document = snapshot.find("rich-menus", menu)
    if document is not None and not document.body.get("rich_menu_id"):
        yield Detail(path, Reason("menu_unmade", menu=menu))


def _switch(decision: Decision, effect: Effect, menu: str, context: ActionContext) -> list[Fact]:
    rich_menu_id = context.definition("rich-menus", menu).get("rich_menu_id")
    if not rich_menu_id:
        raise CannotRun(Reason("menu_without_id", menu=menu))
    effect = effect | {"menu": menu, "rich_menu_id": rich_menu_id, "status": "pending"}
    if decision.after.get("status") == "blocked":
        effect |= {"status": "skipped", "why": "blocked"}
    decision.effects.append(effect)
    return []


def _link(context: EffectContext, effect: Effect) -> Done:
    """Link the menu to the friend at LINE; linking again changes nothing."""
    from chalicelib.accounts import service as accounts
    from chalicelib.gateways import line
    from chalicelib.shared.errors import Unavailable

    account, user = context.account.id, context.event.user_id
    token = accounts.line_credentials(account)["channel_access_token"]
    answer = line.link_rich_menu(token, user, effect["rich_menu_id"])
    if answer.status == 401:
        token = accounts.line_credentials(account, refresh=True)["channel_access_token"]
        answer = line.link_rich_menu(token, user, effect["rich_menu_id"])
    if 200 <= answer.status < 300:
        return "done", None
    why = Reason("line_answered", status=answer.status, message=answer.message)
    if answer.status == 429 or answer.status >= 500:
        raise Unavailable(why)
    return "failed", why


ACTIONS: dict[str, ActionKind] = {
    "switch_rich_menu": ActionKind(
        model=Id, references=named("rich-menus"), check=_is_at_line, apply=_switch, carry_out=_link
    ),
}
