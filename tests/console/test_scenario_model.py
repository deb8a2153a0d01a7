"""The scenario's editor: every edit leaves a graph that the API can keep, and undo takes back every one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.console.test_build import CONSOLE, node  # noqa: F401 (a fixture)

HERE = Path(__file__).parent


def test_edits_keep_a_scenario_whole(node: str, tmp_path: Path) -> None:  # noqa: F811
    """200 scenarios of 12 random edits: ways, buttons, the outline, redirects, undo and redo."""
    made = tmp_path / "edits.mjs"
    esbuild = CONSOLE / "node_modules" / "esbuild" / "bin" / "esbuild"
    build = [node, str(esbuild), str(HERE / "scenario_edits.ts"), "--bundle", "--format=esm"]
    subprocess.run([*build, "--log-level=error", f"--outfile={made}"], check=True)
    done = subprocess.run([node, str(made), "2026"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
