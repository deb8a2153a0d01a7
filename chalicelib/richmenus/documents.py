"""The documents this room owns: rich menus (drafts) and ``shown-menus`` (what friends see)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.richmenus import addresses, limits
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name, Strict, Timestamp
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_iso

KIND, SHOWN, SHOWN_ID = "rich-menus", "shown-menus", "default"

MediaId = Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")]
Alias = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]


class Show(Strict):
    """Who sees a menu, and when: of those whose ``show`` holds a friend sees the one of the highest priority
    (of several, the first by its id). Without ``if`` everybody does.
    """

    if_: dict[str, Any] | None = Field(default=None, alias="if")
    from_: Timestamp | None = Field(default=None, alias="from")
    until: Timestamp | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Show:
        if self.from_ and self.until and parse_iso(self.from_) >= parse_iso(self.until):
            raise ValueError(Reason("until_after_from"))
        return self


class RichMenu(Strict):
    """A rich menu: LINE's own object with its picture, or the id of one that LINE keeps already. ``alias`` is
    its name as a tab. Without ``show`` nobody sees it but by a switch, or by a tab.
    """

    name: Name
    rich_menu_id: Annotated[str, Field(pattern=r"^richmenu-[0-9a-zA-Z-]{1,64}$")] | None = None
    rich_menu: dict[str, Any] | None = None
    image: MediaId | None = None
    alias: Alias | None = None
    show: Show | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> RichMenu:
        if self.rich_menu_id is not None and self.rich_menu is not None:
            raise ValueError(Reason("rich_menu_twice"))
        return self


class ShownMenu(Strict):
    """A menu as LINE has it: ``made`` names what it was made of (a digest of object and picture)."""

    rich_menu_id: str
    made: str | None = None
    alias: str | None = None
    show: dict[str, Any] | None = None


class ShownMenus(Strict):
    """The menus that friends see since a publication, and those that they saw before it."""

    generation: int
    job: str
    published_at: str
    menus: dict[str, ShownMenu]
    before: dict[str, ShownMenu]


class State(BaseModel):
    """What friends see of a menu: ``published_id``, LINE's id of what was published (null: nothing was);
    ``unpublished_changes``, the document is not what is published. ``image_url``: its picture, made smaller.
    """

    image_url: str | None
    published_id: str | None
    unpublished_changes: bool


def made_of(body: Body) -> str | None:
    """What a menu is made of: another name, another menu at LINE. None: LINE has it already."""
    from chalicelib.catalog.snapshot import body_text
    from chalicelib.shared.ids import digest

    menu = body.get("rich_menu")
    return None if menu is None else digest(body_text(menu), body.get("image") or "")[:20]


def published(snapshot: Snapshot) -> Body | None:
    """The published menus, if any are."""
    document = snapshot.find(SHOWN, SHOWN_ID)
    return document.body if document else None


def state(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    """What is published of a menu beside its document."""
    from chalicelib.media.service import preview_url

    body, shown = snapshot.get(KIND, id_).body, (published(snapshot) or {"menus": {}})["menus"].get(id_)
    is_same = shown is not None and is_published(body, shown)
    published_id = shown["rich_menu_id"] if shown else None
    image_url = preview_url(snapshot.account_id, body["image"]) if body.get("image") else None
    found = State(image_url=image_url, published_id=published_id, unpublished_changes=not is_same)
    return found.model_dump()


def is_published(body: Body, shown: Body) -> bool:
    """Whether a document is what is published of it."""
    wanted = {name: body.get(name) for name in ("alias", "show")} | {"made": made_of(body)}
    if body.get("rich_menu_id"):
        wanted["rich_menu_id"] = body["rich_menu_id"]
    return all(shown.get(name) == value for name, value in wanted.items())


def _shape(body: Body) -> Iterator[Detail]:
    condition = (body.get("show") or {}).get("if")
    if condition is not None:
        yield from language.shape(condition, "show.if")
    if body.get("rich_menu") is not None:
        yield from addresses.unfit(body["rich_menu"], "rich_menu")
        yield from limits.check(addresses.sample(body["rich_menu"]), "rich_menu")


def _condition(show: Body | None, path: str) -> Iterator[Reference]:
    condition = (show or {}).get("if")
    if condition is not None:
        yield from language.references(condition, f"{path}.if")


def _check(id_: str, body: Body, snapshot: Snapshot) -> Iterator[Detail]:
    condition = (body.get("show") or {}).get("if")
    if condition is not None:
        yield from language.logic(condition, snapshot, "show.if")
    others = (other for other in snapshot.all(KIND).values() if other.id != id_ and body.get("alias"))
    for other in others:
        if other.body.get("alias") == body["alias"]:
            yield Detail("alias", Reason("menu_alias_taken", alias=body["alias"], menu=other.id))


def _warn(id_: str, snapshot: Snapshot) -> Iterator[Detail]:
    body = snapshot.get(KIND, id_).body
    yield from missing(body, snapshot)
    yield from _hidden(id_, body, snapshot)


def missing(body: Body, snapshot: Snapshot) -> Iterator[Detail]:
    """What a menu lacks before it can be published: its picture, the menus of its tabs."""
    if body.get("rich_menu") is None:
        if not body.get("rich_menu_id"):
            yield Detail("rich_menu", Reason("menu_empty"))
        return
    if not body.get("image"):
        yield Detail("image", Reason("menu_without_image"))
    known = {other.body.get("alias") for other in snapshot.all(KIND).values()}
    for path, alias in limits.tabs(body["rich_menu"]):
        if alias not in known:
            yield Detail(f"rich_menu.{path}", Reason("menu_no_such_tab", alias=alias))
    yield from _without_liff(body["rich_menu"], snapshot.account_id)


def _without_liff(menu: Body, account_id: str) -> Iterator[Detail]:
    """Addresses that lead through a LIFF app, where the account has none."""
    from chalicelib.accounts.service import find_account

    behind = list(addresses.behind_liff(menu))
    account = find_account(account_id, fresh=True) if behind else None
    if account is None or not account.liff_id:
        yield from (Detail(f"rich_menu.{path}", Reason("menu_without_liff")) for path in behind)


def _hidden(id_: str, body: Body, snapshot: Snapshot) -> Iterator[Detail]:
    """A menu that is never seen: another one for everybody, always, goes before it."""
    show = body.get("show")
    if show is None:
        return
    own = (-show["priority"], id_)
    for other in snapshot.all(KIND).values():
        rival = other.body.get("show")
        always = rival is not None and not ({"if", "from", "until"} & rival.keys())
        if rival is not None and always and (-rival["priority"], other.id) < own:
            yield Detail("show.priority", Reason("menu_never_seen", menu=other.id))


def _references(body: Body) -> Iterable[Reference]:
    yield from _condition(body.get("show"), "show")
    yield from addresses.references(body.get("rich_menu") or {}, "rich_menu")


def _shown_references(body: Body) -> Iterator[Reference]:
    for name, menu in body["menus"].items():
        yield from _condition(menu.get("show"), f"menus.{name}.show")


DOCUMENTS: dict[str, DocumentKind] = {
    KIND: DocumentKind(
        KIND,
        RichMenu,
        path_name="menu",
        shape=_shape,
        references=_references,
        path_words=frozenset({"plan", "publish"}),
        check=_check,
        warn=_warn,
        state_model=State,
        state=state,
    ),
    SHOWN: DocumentKind(SHOWN, ShownMenus, references=_shown_references),
}
