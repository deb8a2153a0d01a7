"""docs/extending.md: what it promises holds for a toy capability, and every table is complete."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from chalicelib import composition
from chalicelib.actions.kinds import ACTIONS, ActionKind
from chalicelib.catalog import references
from chalicelib.catalog.kinds import DOCUMENTS, Reference
from chalicelib.catalog.references import kinds_of
from chalicelib.conditions.model import LEAVES
from chalicelib.deliveries import model as deliveries
from chalicelib.enrollments import decide
from chalicelib.enrollments.nodes import NODES
from chalicelib.events.answers import ANSWERED
from chalicelib.events.kinds import EVENTS
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Question
from chalicelib.friends.documents import Attribute
from chalicelib.jobs.kinds import JOBS
from chalicelib.liff.places import LIFF_PLACES
from chalicelib.messages.expression_kinds import EXPRESSIONS
from chalicelib.scenarios.nodes import AUTHORED, Node
from chalicelib.shared.keeping import KEEPERS
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import QUEUES
from chalicelib.shared.text import template
from chalicelib.timers.model import DUE

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chalicelib"
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
TABLES: dict[str, Mapping[str, Any]] = {
    "actions": ACTIONS,
    "causes": deliveries.CAUSES,
    "documents": DOCUMENTS,
    "due": DUE,
    "events": EVENTS,
    "jobs": JOBS,
    "keepers": KEEPERS,
    "leaves": LEAVES,
    "liff_places": LIFF_PLACES,
    "names": references.NAMES,
    "question_types": QUESTION_TYPES,
    "skip_reasons": deliveries.SKIP_REASONS,
    "statuses": deliveries.STATUSES,
}
"""Each table by the file in which capabilities declare its entries."""


def test_what_the_page_says_is_so() -> None:
    """A file for each table, and one line: each entry works as if the house had come with it."""
    run = [sys.executable, "-m", "tests.extending.trial"]
    tried = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert tried.returncode == 0, tried.stderr[-2000:]
    trials = re.findall(
        r"^def (\w+)\(\) -> None:", (ROOT / "tests/extending/trial.py").read_text(), re.MULTILINE
    )
    assert tried.stdout.split() == trials


def test_the_page_shows_the_toy_as_it_is() -> None:
    """Its examples are the files of the toy capability, or parts of them."""
    toy = "\n".join(path.read_text() for path in (ROOT / "tests/extending/stamps").glob("*.py"))
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    parts = [part.strip() for example in examples for part in re.split(r"\n\n+", example)]
    assert len(parts) > 8
    assert [
        part for part in parts if part not in toy and "CAPABILITIES" not in part and "BLUEPRINTS" not in part
    ] == []


def test_the_page_names_every_table() -> None:
    """A new table is explained."""
    assert set(TABLES) <= set(re.findall(r"`(\w+)\.py`", PAGE))


# Every table is complete


def test_every_file_of_entries_belongs_to_a_capability() -> None:
    """Whoever adds a file and forgets the line is told."""
    found = {
        f"chalicelib.{path.parent.name}"
        for file in TABLES
        for path in PACKAGE.glob(f"*/{file}.py")
        if re.search(rf"^{file.upper()}\b.* = ", path.read_text(), re.MULTILINE)
    }
    assert found == set(composition.CAPABILITIES)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_can_be_decided_and_carried_out(name: str) -> None:
    """Authored ones apply; what becomes an effect is carried out, by itself or because it speaks."""
    kind = ACTIONS[name]
    assert (kind.model is None) == (kind.apply is None)
    assert bool(kind.carry_out or kind.outgoing) is not kind.changes_facts_alone
    assert not kind.changes_facts_alone or kind.at_once is not ActionKind.at_once, "it says which facts"
    assert kind.begins is None or kind.begins in DOCUMENTS
    assert kind.address is None or kind.address in kind.model.model_fields
    assert set(_named(kind)) <= DOCUMENTS.keys()


def _named(kind: ActionKind) -> Iterator[str]:
    """The kinds of documents that it refers to, by a value that has an id everywhere."""
    fields = getattr(kind.model, "model_fields", None)
    value: Any = dict.fromkeys(fields, "x") if fields else "x"
    yield from (reference.kind for reference in kind.references(value, "then[0]"))


@pytest.mark.parametrize("name", EVENTS)
def test_a_type_of_event_is_whole(name: str) -> None:
    """Its maker is a capability; the properties that name documents, and its key, are properties it has."""
    kind = EVENTS[name]
    assert kind.made_by is None or f"chalicelib.{kind.made_by}" in composition.CAPABILITIES
    for named in kind.documents.values():
        assert set(kinds_of(Reference("", named, ""))) <= DOCUMENTS.keys()
    if kind.props is not None:
        assert set(kind.documents) <= kind.props
        assert not isinstance(kind.key, str) or kind.key in kind.props
    assert kind.counts or not kind.is_trigger


@pytest.mark.parametrize("name", references.NAMES)
def test_a_name_is_of_no_document_of_its_own(name: str) -> None:
    """It adds to the documents that it may mean, and those are of kinds that there are."""
    kinds = references.NAMES[name].kinds
    assert set(kinds) <= DOCUMENTS.keys()
    assert name not in DOCUMENTS or name in kinds


@pytest.mark.parametrize("name", DUE)
def test_a_kind_of_due_entry_goes_to_a_queue_that_wakes_it(name: str) -> None:
    """The queue is one of ours; only the queue ``due`` wakes its entries in its own way."""
    kind = DUE[name]
    assert kind.queue in QUEUES
    assert (kind.wake is None) == (kind.queue == "due")
    assert kind.pack >= 1


def test_every_entry_that_is_armed_is_declared() -> None:
    """What is to come later comes to somebody."""
    armed = {
        call.args[1].value
        for where, tree in sources()
        for call in ast.walk(tree)
        if not where.startswith("reports/")  # whose entries are of its tables
        and isinstance(call, ast.Call)
        and (getattr(call.func, "attr", "") or getattr(call.func, "id", "")) == "Entry"
        and len(call.args) > 3
        and isinstance(call.args[1], ast.Constant)
    }
    assert armed
    assert armed <= DUE.keys()


def test_every_job_that_is_sent_is_declared() -> None:
    """What somebody puts into the queue somebody takes out of it."""
    sent = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'"job": "(\w+)"', path.read_text())
        if "local" not in path.parts
    }
    assert len(sent) > 10
    assert sent - {"job"} <= JOBS.keys()  # a name in logs


def test_a_place_is_one_step_of_a_path() -> None:
    """Its name is found in an address, and is on the page of LIFF."""
    page = (ROOT / "docs" / "liff.md").read_text(encoding="utf-8")
    assert [name for name in LIFF_PLACES if not re.fullmatch(r"[a-z0-9_-]*", name)] == []
    assert [name for name in LIFF_PLACES if f"| `/{name}" not in page] == []


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_a_type_of_question_is_whole(name: str) -> None:
    """It is on the page of forms; it is a fact of a type that attributes have; its reasons exist."""
    kind = QUESTION_TYPES[name]
    assert f"`{name}`" in (ROOT / "docs" / "forms.md").read_text(encoding="utf-8")
    assert {kind.fact, *kind.also_facts} <= set(get_args(Attribute.model_fields["type"].annotation))
    assert Reason(kind.needed).code == kind.needed
    assert kind.reported(Question("q", "?", name), 1).code in ANSWERED, (
        "what is taken back, and reports, go by these"
    )
    assert not (kind.has_choices and kind.numbers)


def test_every_node_that_may_be_written_has_its_entry() -> None:
    """What authors may write is what friends can stand at, and the turns name nothing else."""
    written = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(Node)[0])}
    assert written == set(NODES) == set(AUTHORED)
    assert {kind.model for kind in AUTHORED.values()} == set(get_args(get_args(Node)[0]))
    assert {*decide.PASSED, *decide.LEFT} <= set(NODES)


def test_every_expression_that_can_be_written_has_its_entry() -> None:
    """A word that templates know comes to something for a friend."""
    assert set(EXPRESSIONS) == {"variable", "literal", *template.DOCUMENTS}


def test_every_keeper_is_on_the_privacy_page() -> None:
    """Whoever asks what is kept of a friend finds each place in its table."""
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    places = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("|"))
    assert [p for keeper in KEEPERS.values() for p in keeper.places if f"`{p}`" not in places] == []


def test_results_have_characters_of_their_own() -> None:
    """One each, and every reason belongs to a status that has reasons."""
    letters = deliveries.letters()
    plain = [name for name, kind in deliveries.STATUSES.items() if kind.letter]
    assert len(letters) == len(plain) + len(deliveries.SKIP_REASONS) + 1
    for reason in deliveries.SKIP_REASONS.values():
        assert deliveries.STATUSES[reason.status].has_reasons


# Entries are light


LIGHT = re.compile(
    r"chalicelib\.(shared|actions|events\.(kinds|sheet)|jobs\.kinds|jobs$|liff\.places|timers\.model|catalog\.(kinds|references|snapshot)"
    r"|deliveries\.model|sheets\.(scores|values)|topics\.consent|forms\.?)"
)
"""What a file of entries may import when it is read: mechanisms and values."""


@pytest.mark.parametrize("file", sorted(TABLES.keys() - {"documents", "leaves"}))
def test_reading_a_table_imports_no_capability(file: str) -> None:
    """What an entry does is imported by the functions that do it. (Documents and leaves are their models.)"""
    heavy = [
        f"{path.parent.name}/{file}.py imports {name}"
        for path in PACKAGE.glob(f"*/{file}.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chalicelib")
        for name in [node.module or ""]
        if not LIGHT.match(name)
        and name != f"chalicelib.{path.parent.name}.model"
        and f"chalicelib.{path.parent.name}" in composition.CAPABILITIES
    ]
    assert heavy == []


def test_the_webhook_reads_no_table() -> None:
    """Its function starts with its own entries alone."""
    code = "import sys, chalicelib.webhook.front; print(*(m for m in sys.modules if 'chalicelib.' in m))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split()}
    assert rooms == {"events", "gateways", "shared", "webhook"}


def test_what_is_handed_down_is_there() -> None:
    """A lower room finds what a higher one has by the name alone."""
    for name, room in composition.HANDED_DOWN.items():
        assert callable(getattr(importlib.import_module(room), name))


# No second list of names


NAMES: dict[str, set[str]] = {
    table: set(entries) - {"send", "reply", "chunk", "run", "step", "count", "content", "profile", "events"}
    for table, entries in TABLES.items()
    if table not in {"causes", "documents", "keepers", "leaves", "liff_places", "question_types", "statuses"}
}
"""Names that stand for an entry wherever they are written: not those that are everyday words here."""
ON_PURPOSE = {
    "sheets/sheet.py": "functions of these names",
    "rules/rights.py": "an edit by hand, as the actions that would do the same",
}


@cache
def sources() -> list[tuple[str, ast.Module]]:
    return [
        (where, ast.parse(path.read_text()))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem not in TABLES
        and not (where := path.relative_to(PACKAGE).as_posix()).startswith("local/")
        and where not in ON_PURPOSE
    ]


def texts(nodes: list[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_list_of_names_beside_a_table() -> None:
    """A list, a set or a dictionary of two entries' names is a second place to think of."""
    lists = []
    for where, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.List | ast.Set | ast.Tuple):
                found = texts(node.elts)
            elif isinstance(node, ast.Dict):
                found = texts([key for key in node.keys if key is not None])
            else:
                continue
            lists += [
                f"{where}:{node.lineno} {sorted(found & names)}"
                for names in NAMES.values()
                if len(found & names) > 1
            ]
    assert lists == []


def test_no_chain_over_names() -> None:
    """A function that asks for three names of a table does what the table's entries should."""
    chains = []
    for where, tree in sources():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            compared = [node for node in ast.walk(function) if isinstance(node, ast.Compare)]
            asked = texts([side for node in compared for side in (node.left, *node.comparators)])
            chains += [
                f"{where}:{function.lineno} {function.name}"
                for names in NAMES.values()
                if len(asked & names) > 2
            ]
    assert chains == []


ASKED = {
    "question_types": r"question(\.type|\[\"type\"\]) (==|!=|in|not in) ",
    "nodes": r"type\"?[\])]* (==|!=|in|not in) [{(]?\"(wait|wait_for|branch|split|exit)\""
    r"|node\[\"type\"\] (==|!=|in|not in) [{(]?\"(message|action)\"",
}
"""How code would ask for an entry whose name is an everyday word."""


@pytest.mark.parametrize(("table", "pattern"), ASKED.items())
def test_no_code_asks_which_entry_it_has(table: str, pattern: str) -> None:
    """The entry itself knows what follows."""
    files = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]
    found = [path.name for path in files if re.search(pattern, path.read_text(encoding="utf-8"))]
    assert found == [], table


def test_every_entry_file_can_be_imported_alone() -> None:
    """None needs another one to have been imported before."""
    for capability in composition.CAPABILITIES:
        for file in TABLES:
            if (PACKAGE / capability.split(".")[1] / f"{file}.py").is_file():
                importlib.import_module(f"{capability}.{file}")
