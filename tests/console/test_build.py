"""The console builds, is as small as it promises, is well typed, and lacks no word."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "console"
sys.path.insert(0, str(ROOT / "scripts"))

import console_types
import setup

KB = 1024
FIRST, CHUNK, STYLES = 190 * KB, 40 * KB, 25 * KB


@pytest.fixture(scope="module")
def node() -> str:
    """The path of node; a machine without the console's libraries says so."""
    if not (CONSOLE / "node_modules" / "esbuild").is_dir():
        if os.environ.get("TODOKU_BROWSER") == "required":
            pytest.fail("console/node_modules is missing: make setup installs it")
        pytest.skip("console/node_modules is missing: make setup installs it")
    found = setup.npm_of_path()
    return str((found or setup.npm_of_wheel())[1] / "node")


@pytest.fixture(scope="module")
def built(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh build."""
    out = tmp_path_factory.mktemp("console") / "dist"
    subprocess.run([node, "build.mjs", "--out", str(out)], cwd=CONSOLE, check=True)
    return out


def size(path: Path) -> int:
    """What travels: the file as gzip packs it."""
    return len(gzip.compress(path.read_bytes(), 9))


def test_the_console_keeps_its_budgets(built: Path) -> None:
    """The first screen's scripts, every other piece, and the styles."""
    first = set(json.loads((built / "first.json").read_text())["first"])
    sizes = {path.name: size(path) for path in built.glob("*.js")}
    assert sum(sizes[name] for name in first) <= FIRST, {name: sizes[name] for name in first}
    assert {name: n for name, n in sizes.items() if name not in first and n > CHUNK} == {}
    assert sum(map(size, built.glob("*.css"))) <= STYLES


def test_the_page_runs_nothing_but_its_own_files(built: Path) -> None:
    """No inline script or style, nothing of another site, and names that change with what is in them."""
    page = (built / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert "<style" not in page
    assert " style=" not in page
    named = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page)
    assert named
    for address in named:
        assert re.fullmatch(r"__TODOKU_PREFIX__/console/[\w-]+-[A-Z0-9]{8}\.(js|css)", address), address
    for path in built.glob("*.css"):
        assert "http" not in path.read_text(encoding="utf-8"), "styles ask nothing of another site"


def test_a_missing_word_stops_the_build(node: str, tmp_path: Path) -> None:
    """In either language, and a place that only one language fills."""
    copy = tmp_path / "console"
    shutil.copytree(CONSOLE, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(CONSOLE / "node_modules")
    words = copy / "src" / "words" / "en.ts"
    text = words.read_text(encoding="utf-8")
    words.write_text(re.sub(r'  "nav.home": .*\n', "", text).replace("Group {n}", "Group"), encoding="utf-8")
    done = subprocess.run([node, "build.mjs"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "en lacks nav.home" in done.stderr
    assert "builder.group has other places" in done.stderr


def test_the_console_is_well_typed(node: str) -> None:
    """Against types made from the contract as it is."""
    console_types.main([])
    tsc = CONSOLE / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run([node, str(tsc)], cwd=CONSOLE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_types_say_what_schemas_say() -> None:
    """References, choices, lists, maps and what may be missing."""
    document = {
        "components": {
            "schemas": {
                "A": {
                    "type": "object",
                    "required": ["x"],
                    "properties": {"x": {"$ref": "#/components/schemas/B"}},
                },
                "B": {"enum": ["a", "b"]},
                "C": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
                "D": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        }
    }
    text = console_types.typescript(document)
    assert "export type A = { x: B; };" in text
    assert 'export type B = "a" | "b";' in text
    assert "export type C = (number | null)[];" in text
    assert "export type D = { [name: string]: string; };" in text


def test_the_pictured_phone_lacks_no_word() -> None:
    """What the simulator's renderer says has a word in the console too."""
    drawn = (ROOT / "chalicelib/local/line/page/messages.js").read_text(encoding="utf-8")
    known = re.findall(r"(\w+): t\(", (CONSOLE / "src/phone/words.ts").read_text(encoding="utf-8"))
    assert set(re.findall(r"\bwords\.(\w+)(?! *\.?js)", drawn)) - {"js"} == set(known)
