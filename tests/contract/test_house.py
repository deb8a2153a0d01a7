"""The house itself: rooms as the page says, stores private, nothing too large to be read."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from chalicelib.local import processes

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chalicelib"
MOST_LINES, MOST_FILES, MEDIAN, LARGE = 400, 20, 8, 35


def rooms() -> list[str]:
    return sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def lengths() -> list[tuple[int, str]]:
    """How many lines each function of the package has, its docstring aside."""
    found = []
    for path in sources("chalicelib"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and node.body[1:] else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 2
                found.append((lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"))
    return sorted(found)


def test_only_a_room_itself_imports_its_stores() -> None:
    """What another room needs of a store is a function of the room's ``service``."""
    graph = grimp.build_graph("chalicelib")
    foreign = [
        f"{importer} imports {module}"
        for module in sorted(graph.modules)
        if re.search(r"(?:^|_)store$", module.rpartition(".")[2])
        for importer in sorted(graph.find_modules_that_directly_import(module))
        if importer.split(".")[1] != module.split(".")[1]
    ]
    assert foreign == []


def test_the_mcp_server_knows_no_room() -> None:
    """It has what the HTTP API gives, and no other way in."""
    graph = grimp.build_graph("chalicelib")
    own = {name for name in graph.modules if name.startswith("chalicelib.mcp")}
    assert {found for name in own for found in graph.find_modules_directly_imported_by(name)} <= own


@pytest.mark.parametrize("page", ["docs/architecture.md", "pyproject.toml", "chalicelib/__init__.py"])
def test_every_list_of_rooms_is_the_tree(page: str) -> None:
    """A room that is made, renamed or taken away is so on each page that lists them."""
    text = (ROOT / page).read_text()
    if page.endswith(".md"):
        table = text.partition("## Rooms")[2].partition("\n\nThree questions")[0]
        named = [
            name
            for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", row)
        ]
    elif page.endswith(".toml"):
        named = re.findall(r"chalicelib\.(\w+)", text.partition("layers = [")[2].partition("]")[0])
        named.remove("composition")
    else:
        rows = re.findall(r"^    ([a-z_, ]+?)  ", text, re.MULTILINE)
        named = [*(name for row in rows for name in row.split(", ")), "local", "mcp"]
    assert sorted(named) == rooms()


def test_no_file_and_no_room_is_too_large() -> None:
    """400 lines are what somebody reads at once; 20 files what somebody finds their way in. No more."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources("chalicelib", "tests", "scripts", "benchmarks")
        if (count := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}
    folders = {path.parent for path in sources("chalicelib")}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in sorted(folders)
        if (count := len([one for one in folder.glob("*.py") if one.name != "__init__.py"])) > MOST_FILES
    }
    assert crowded == {}


def test_functions_are_short() -> None:
    """Half of them have eight lines at most, and 95 of 100 have 35."""
    found = lengths()
    counts = [count for count, _ in found]
    assert statistics.median(counts) <= MEDIAN
    assert counts[int(len(counts) * 0.95)] <= LARGE, found[int(len(counts) * 0.95) :]


def test_browser_tests_find_and_wait_by_look() -> None:
    """A name is whole, and what the page has sent is waited for: ``tests/browser/look.py`` does so."""
    loose = re.compile(r"get_by_(?:label|text)\(|get_by_role\([^)]*name=|assert .*(?:shop\.api|named\()")
    found = [
        f"{path.name}: {line.strip()}"
        for path in (ROOT / "tests" / "browser").glob("*.py")
        if path.name != "look.py"
        for line in path.read_text().splitlines()
        if loose.search(line)
    ]
    assert found == []


def test_what_starts_the_platform_is_marked() -> None:
    """So that ``make test-fast`` starts none."""
    found = [path for folder in ("e2e", "browser") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    assert [path.name for path in found if "pytest.mark.e2e" not in path.read_text()] == []


def scripts() -> list[Path]:
    built = PACKAGE / "console" / "dist"
    return sorted(path for path in PACKAGE.rglob("*.js") if built not in path.parents)


@pytest.mark.parametrize("script", scripts(), ids=lambda path: path.name)
def test_a_script_can_be_read(script: Path) -> None:
    """No build looks at what pages load as it is: a name declared twice would show in a browser only."""
    read = subprocess.run(
        [processes.node(), "--check", str(script)], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr
