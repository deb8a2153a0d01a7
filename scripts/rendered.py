"""The packaged template without the packages, and as CloudFormation has it after the SAM transform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from setup import environment, uv_settings  # noqa: E402 (needs the path above)

RENDER = """
import sys
from pathlib import Path
from chalice.cli.factory import CLIFactory
from chalice.deploy import packager

out = Path(sys.argv[1])
(out / "empty.zip").touch()
for kind in (packager.LambdaDeploymentPackager, packager.LayerDeploymentPackager):
    kind.create_deployment_package = lambda *_: str(out / "empty.zip")
packager.AppOnlyDeploymentPackager.create_deployment_package = lambda *_: str(out / "empty.zip")
sys.path.insert(0, "scripts")
from package import merge_file

factory = CLIFactory(".")
arguments = (factory.create_package_options(), "cloudformation", "json", str(merge_file("prod", out)))
config = factory.create_config_obj("prod")
factory.create_app_packager(config, *arguments).package_app(config, str(out), "prod")
"""

TRANSFORM = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {})))
"""


def render(out: Path) -> Path:
    """What ``chalice package`` makes of the app and our template for the stage ``prod``, without the code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TODOKU_"))}
    env = {**kept, "TODOKU_STAGE": "prod", "AWS_DEFAULT_REGION": "ap-northeast-1", "HOME": str(out)}
    _python(RENDER, str(out), env=env)
    return out / "sam.json"


def transformed(template: dict[str, Any], packages: Path) -> dict[str, Any]:
    """A template, whose files are uploaded, after AWS's own transform; installs that into ``packages``."""
    install(packages, "requirements-sam.txt", "--no-deps")
    env = {**os.environ, "PYTHONPATH": str(packages), "AWS_DEFAULT_REGION": "ap-northeast-1"}
    document: dict[str, Any] = json.loads(_python(TRANSFORM, env=env, read=json.dumps(template)))
    return document


def install(target: Path, requirements: str, *more: str) -> None:
    """Packages for this machine into a folder, by uv where the checkout has it, never among the tools."""
    uv = Path(sys.executable).parent / "uv"
    by_uv = [uv, "pip", "install", "-q", "--no-cache", "--python", sys.executable, "--target", target]
    by_pip = [sys.executable, "-m", "pip", "install", "-q", "--progress-bar", "off", "--target", target]
    for command, variables in ((by_uv, uv_settings()), (by_pip, {})):
        if Path(command[0]).exists():
            line = [*map(str, command), "-r", str(ROOT / requirements), *more]
            if subprocess.run(line, check=False, cwd=ROOT, env=environment(variables)).returncode == 0:
                return
    raise RuntimeError(f"{requirements} could not be installed")


def _python(code: str, *arguments: str, env: dict[str, str], read: str = "") -> str:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, input=read, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
