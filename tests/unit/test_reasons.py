"""Reasons are values: one table says them in English and Japanese, and nothing reads a sentence again."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deliveries.model import SKIP_REASONS, STATUSES
from chalicelib.shared import errors, reasons
from chalicelib.shared.reasons import LANGUAGES, MAX_TEXT, Reason, as_answered, in_language

SOURCE = Path(__file__).parents[2] / "chalicelib"
TABLE = reasons.table()
KINDS = {"int", "number", "id", "text", "time", "span", "names", "term", "reason", "quoted"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of ours but the mechanism itself and the laptop's stand-ins."""
    for path in SOURCE.rglob("*.py"):
        if "local" not in path.relative_to(SOURCE).parts and path.name != "reasons.py":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def made() -> Iterator[tuple[str, ast.Call, str]]:
    """Every ``Reason("code", …)`` with where it stands."""
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                given = node.args[0] if node.args else node
                codes = [given.body, given.orelse] if isinstance(given, ast.IfExp) else [given]
                for code in codes:
                    if isinstance(code, ast.Constant) and isinstance(code.value, str):
                        yield code.value, node, f"{path.relative_to(SOURCE)}:{node.lineno}"


def fields(template: str) -> set[str]:
    """What a template fills in."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_code_has_words_in_both_languages_with_all_its_params(code: str) -> None:
    """A param that no sentence shows is there for the public form of the reason."""
    entry = TABLE[code]
    params: dict[str, str] = entry.get("params", {})
    public = set(TABLE[entry["public"]].get("params", {})) if "public" in entry else set()
    assert set(entry) <= {"params", "public", *LANGUAGES}
    assert set(params.values()) <= KINDS
    assert public <= set(params)
    for language in LANGUAGES:
        assert entry[language].strip() == entry[language] != ""
        assert fields(entry[language]) | public == set(params), language


def test_japanese_is_japanese() -> None:
    """Every sentence has kana or kanji, unless it is nothing but its params."""
    plain = [c for c, e in TABLE.items() if not re.search("[ぁ-んァ-ヶ一-龥]", e["ja"])]
    assert [c for c in plain if re.sub(r"\{\w+\}|[：（）、\s]", "", TABLE[c]["ja"])] == []


def test_every_reason_that_is_made_is_in_the_table() -> None:
    """Its code, and its params by name and order."""
    for code, call, where in made():
        assert code in TABLE, f"{where}: {code}"
        given = [keyword.arg for keyword in call.keywords]
        if None not in given:
            assert given == list(TABLE[code].get("params", {})), f"{where}: {code}"


def test_every_code_is_made_somewhere() -> None:
    """What nobody says any more goes from the table."""
    texts = {
        node.value
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    known = texts | {code for code, _, _ in made()} | {entry.get("public") for entry in TABLE.values()}
    known |= {reason for kind in (SKIP_REASONS, STATUSES) for reason in kind} | {reasons.ELSEWHERE}
    known |= {f"type_{text}" for text in texts} | set(reasons_of_pages())
    assert sorted(set(TABLE) - known) == []


def reasons_of_pages() -> list[str]:
    """The codes that templates say."""
    found = (path.read_text(encoding="utf-8") for path in SOURCE.glob("**/templates/*.html"))
    return [code for text in found for code in re.findall(r'say\("(\w+)"', text)]


def test_what_pages_say_is_in_the_table() -> None:
    """A template names codes as any other of ours."""
    assert len(reasons_of_pages()) > 10
    assert [code for code in reasons_of_pages() if code not in TABLE] == []


def test_every_skip_has_words() -> None:
    """Whatever may become of a recipient has its words."""
    assert sorted(set(SKIP_REASONS) - set(TABLE)) == []


@pytest.mark.parametrize("value", [[], {}, "x", 3, "文" * 1_000, ["a"] * 100, None])
def test_whatever_is_in_it_a_reason_is_kept_and_put_in_words(value: Any) -> None:
    """Stored, read again and said in both languages; long values are cut."""
    made = Reason.of(["match_is", "text", value])
    again = Reason.of(made.kept())
    assert again.kept() == made.kept()
    assert all(len(again.text(language)) <= 30 * (MAX_TEXT + 3) for language in LANGUAGES)


def test_the_one_who_asks_chooses_the_language() -> None:
    """English by default; params of a word of ours have a Japanese one."""
    line = {"rule": "r", "why": Reason("no_document", kind="tag", id="vip").kept()}
    assert as_answered(line)["why"] == "there is no tag vip"
    assert as_answered(line)["reason"] == {"code": "no_document", "params": {"kind": "tag", "id": "vip"}}
    with in_language("ja"):
        assert as_answered(line)["why"] == "タグ「vip」はありません"
    assert as_answered({"why": None, "n": 1}) == {"n": 1}


def test_what_an_older_version_has_stored_is_read() -> None:
    """A sentence is shown as it stands; a value that is missing is left out."""
    assert Reason.of("limit: once").text("ja") == "limit: once"
    assert Reason.of(["limit_every", 2]).text() == "limit: 2 of every …"


ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"Reason"}
"""What an answer is made of: errors and their details."""


def sentences(tree: ast.Module) -> Iterator[ast.Call]:
    """Every error or detail that is made of a text instead of a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            given = node.args[1:2] if node.func.id == "Detail" else node.args[:1]
            if given and isinstance(given[0], ast.Constant | ast.JoinedStr):
                yield node


def test_errors_are_made_of_reasons() -> None:
    """But for operators' commands, which are English, and files, whose errors are in both languages."""
    found = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path, tree in modules()
        if path.relative_to(SOURCE).parts[0] not in {"ops", "transfers"}
        for call in sentences(tree)
    ]
    assert found == []
    assert list(sentences(ast.parse('raise Conflict(f"x {y}")'))) != []


READS = {
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
}
"""What takes a text apart."""
MATCHES = {"match", "fullmatch", "search", "findall", "finditer", "sub"}


WHOLE = {"lower", "upper", "strip", "casefold"}
"""What leaves a text as it is to whoever reads it."""
LINE_SAYS = "gateways/line/texts.py"
"""Where LINE's own words are read, as far as LINE says something in words alone."""


def sentence(node: ast.expr) -> bool:
    """Whether an expression is named like what people read: ``why``, ``error.message``, ``line["why"]``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return bool(node.args) and (sentence(node.args[0]) or ast.unparse(node.args[0]) == "error")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WHOLE:
        return sentence(node.func.value)
    if isinstance(node, ast.Attribute) and node.attr in {"message", "line_message", "sentence"}:
        return True
    last = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        last = str(node.slice.value)
    return last in {"why", "reason", "why_not"}


def test_nothing_reads_a_sentence() -> None:
    """No text that says why is split, compared by its beginning, searched, or looked into."""
    found = []
    for path, tree in modules():
        for node in ast.walk(tree) if path.relative_to(SOURCE).as_posix() != LINE_SAYS else ():
            read: list[ast.expr] = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                read += [node.func.value] if node.func.attr in READS else []
                read += node.args if node.func.attr in MATCHES else []
            elif isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
                read += [one for one in node.comparators if not isinstance(one, ast.Set)]
            found += [f"{path.relative_to(SOURCE)}:{node.lineno}" for one in read if sentence(one)]
    assert found == []


def test_the_patterns_are_seen() -> None:
    """The search above finds what it looks for."""
    asked = ast.parse('"limit" in answer.message.lower()', mode="eval").body
    assert isinstance(asked, ast.Compare)
    assert sentence(asked.comparators[0])
    for text in ("why.split()[0]", 'str(error).startswith("x")', 'line["why"].partition(":")'):
        called = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
        assert any(sentence(node.value) for node in called if node.attr in READS), text
