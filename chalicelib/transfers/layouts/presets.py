"""Files of other systems, recognised by their headers: one entry each. What is known of them, and from where,
is in docs/files.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason

USER_IDS = ("user_id", "ユーザーID", "LINEユーザーID", "LINE ID", "UID", "line_user_id", "userId")
"""How a column may be called that has LINE's user ids."""
TAG = "タグ_"
"""How the other system's name of a column begins whose cells say 1 for whoever has the tag."""
INFO = "友だち情報_"
"""How the other system's name begins of a column with a field of its own."""
NONE = "none"


@dataclass(frozen=True)
class Preset:
    """A file of another system.

    ``signs``: sets of names; a file that has all names of one of them in its first lines is recognised.
    ``heads``: how many lines before the data; the last one names the columns, the first one has the other
    system's names (``タグ_123``, ``友だち情報_45``). ``columns``: ours by theirs; ``attributes``: the ids of
    attributes for columns that have no number.
    """

    id: str
    title: str
    signs: tuple[frozenset[str], ...]
    heads: int = 1
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


_ENTRIES = (
    Preset(
        "lstep",
        "L-step",
        (frozenset({"登録ID", "ID", "表示名"}), frozenset({"ID", "表示名", "LINE登録名"})),
        heads=2,
        columns={
            "ID": "",
            "表示名": "display_name",
            "LINE登録名": "",
            "友だち追加日時": "followed_at",
            "ユーザーブロック": "blocked",
        },
        attributes={
            "本名": "real-name",
            "システム表示名": "system-name",
            "ステータスメッセージ": "status-message",
            "個別メモ": "memo",
            "対応マーク": "mark",
        },
    ),
    Preset(
        "elme",
        "エルメ",
        (
            frozenset({"ユーザーID", "LINE表示名"}),
            frozenset({"ユーザーID", "友だち追加日"}),
            frozenset({"ユーザーID", "配信中ステップ"}),
        ),
        heads=2,
        columns={
            "LINE表示名": "display_name",
            "友だち追加日": "followed_at",
            "流入経路": "source",
        },
        attributes={
            "システム表示名": "system-name",
            "携帯電話": "phone",
            "メールアドレス": "email",
            "生年月日": "birthday",
            "都道府県": "prefecture",
            "ステータスメッセージ": "status-message",
            "個別メモ": "memo",
            "対応マーク": "mark",
        },
    ),
    Preset(
        "line_chat_tags",
        "LINE Official Account Manager",
        (frozenset({"ユーザーID", "チャットタグ"}),),
        columns={"名前": "display_name", "チャットタグ": "tags"},
        attributes={"メモ": "memo"},
    ),
)
PRESETS = {preset.id: preset for preset in _ENTRIES}
"""Every preset, by its id."""


def recognised(heads: Sequence[Sequence[str]], wanted: str | None) -> Preset | None:
    """The preset of a file that begins like this: the one that is wanted, else the first whose signs it has.

    A file with a column ``user_id`` in its first line is ours. Raises InvalidInput for one that is wanted and
    has not the lines that its header takes.
    """
    if wanted == NONE or (wanted is None and "user_id" in heads[0]):
        return None
    names = {name for cells in heads for name in cells}
    found = (preset for preset in PRESETS.values() if any(sign <= names for sign in preset.signs))
    preset = PRESETS[wanted] if wanted else next(found, None)
    if preset is None or preset.heads == 1:
        return preset
    has_codes = any(name.startswith((TAG, INFO)) for name in heads[0])
    if not has_codes and any(sign <= set(heads[0]) for sign in preset.signs):
        return replace(preset, heads=1)  # somebody has taken away the line with the other system's names
    if len(heads) < preset.heads:
        raise InvalidInput.at("header", Reason("preset_heads", preset=preset.title, heads=preset.heads))
    return preset
