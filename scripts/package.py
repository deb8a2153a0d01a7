"""Make ``build/`` ready for deployment: the merged template, the code, the layer (``make package``).

    .venv/bin/python scripts/package.py [--stage prod] [--out build]

``scripts/deploy.py`` (``make deploy``) does this and the rest. What is packaged: the app without the local
platform, and one layer with the packages of requirements.txt for Lambda's arm64 machines, less what is never
imported there, both compiled, so that a cold start neither compiles nor looks at the age of sources.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import py_compile
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chalicelib.local.resources import INFRA, read_template  # noqa: E402 (needs the path above)
from chalicelib.shared.settings import Settings  # noqa: E402

PYTHON = (3, 11)
"""The runtime: packages are compiled for it, and its tests are the ones that pass."""

NEVER_IMPORTED = (
    *("pip", "setuptools", "_distutils_hack", "distutils-precedence.pth", "wheel", "pkg_resources"),
    # What chalice's command line needs; its runtime is part of the app.
    *("inquirer", "blessed", "readchar", "runs", "editor", "jinxed", "click", "wcwidth", "xmod", "ansicon"),
    # Python 2's side of the LINE SDK's dependencies.
    *("libfuturize", "libpasteurize", "past", "aenum/_py2.py"),
)
"""Top-level names of the layer that no function imports (tests/contract/test_artifact.py runs them all)."""

SERVICES = frozenset({"dynamodb", "sqs", "stepfunctions", "ssm", "s3", "sts", "sns", "cloudwatch"})
"""The AWS services whose descriptions botocore keeps in the layer."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every file's date in the archives: the same sources make the same bytes, which are uploaded once."""


def merge_file(stage: str, out: Path) -> Path:
    """Our template for one stage, in the form that Chalice merges."""
    template = read_template()
    template["Parameters"]["Stage"].update(Default=stage, AllowedValues=[stage])
    template["Parameters"]["TablesPrefix"]["Default"] = Settings(stage=stage).table("")
    path = out / "infra.json"
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    return path


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Exit with a sentence unless this is the runtime's Python: Chalice packages for the one it runs in."""
    if version != PYTHON:
        wanted, found = (".".join(map(str, pair)) for pair in (PYTHON, version))
        sys.exit(
            f"Todoku runs on Lambda's python{wanted}; this is Python {found}, whose packages do not fit.\n"
            f"Make the environment anew with it: make clean && make PYTHON=python{wanted} package"
        )


def copy_source(stage: str, target: Path) -> None:
    """What Chalice packages: the app without local platform and MCP server, and just this stage."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc", "local", "mcp", "deployments", "deployed")
    shutil.copytree(ROOT / "chalicelib", target / "chalicelib", ignore=leave)
    shutil.copytree(ROOT / ".chalice", target / ".chalice", ignore=leave)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, target / name)
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    section = config["stages"].get(stage) or config["stages"]["prod"]
    section["environment_variables"] = section.get("environment_variables", {}) | {"TODOKU_STAGE": stage}
    config["stages"] = {stage: section}
    (target / ".chalice" / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def run_chalice(stage: str, source: Path, merge: Path, out: Path) -> None:
    """Let Chalice write template, code and layer. It reads queue names from the app, so the stage is set."""
    contained = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    env = {**os.environ, **contained, "TODOKU_STAGE": stage, "AWS_DEFAULT_REGION": "ap-northeast-1"}
    command = [str(Path(sys.executable).parent / "chalice"), "package", "--stage", stage]
    command += ["--merge-template", str(merge), "--template-format", "json", str(out)]
    subprocess.run(command, cwd=source, check=True, env=env)


def slim(site: Path) -> None:
    """Take out of a layer's packages what no function ever imports or reads."""
    for name in NEVER_IMPORTED:
        _remove(site / name)
        for metadata in (*site.glob(f"{name}-*.dist-info"), *site.glob(f"{name}-*.data")):
            _remove(metadata)
    for folder in (site / "botocore" / "data").iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            _remove(folder)
    for folder in (*site.rglob("tests"), *site.rglob("__pycache__")):
        _remove(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def compile_all(folder: Path) -> None:
    """Compile every module; Lambda trusts the result without looking at the source (unchecked hashes)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's modules
        done = compileall.compile_dir(
            folder,
            quiet=1,
            stripdir=str(folder),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    if not done:
        sys.exit(f"Some modules in {folder} could not be compiled (above).")


def make_mirror_layer(out: Path) -> None:
    """The layer of the mirror's two functions alone: DuckDB for Lambda's arm64 machines (glibc 2.26)."""
    site = out / "unpacked" / "python"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--platform", "manylinux_2_26_aarch64", "--python-version", ".".join(map(str, PYTHON))]
    command += ["--target", str(site), "-r", str(ROOT / "requirements-mirror.txt")]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    for folder in (*site.rglob("*-stubs"), site / "duckdb" / "experimental", site / "adbc_driver_duckdb"):
        _remove(folder)
    compile_all(site)
    make_archive(out / "unpacked", out / "layer-mirror.zip")
    shutil.rmtree(out / "unpacked")


def make_archive(folder: Path, path: Path) -> None:
    """A zip of a folder that has the same bytes whenever its files have."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(found for found in folder.rglob("*") if found.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def rework(path: Path, out: Path, *, layer: bool) -> None:
    """Unpack an archive of Chalice's, take out what is not needed, compile the rest, pack it again."""
    folder = out / "unpacked"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    if layer:
        for site in folder.glob("python/lib/*/site-packages"):
            slim(site)
    compile_all(folder)
    make_archive(folder, path)
    shutil.rmtree(folder)


def package(stage: str, out: Path) -> int:
    """Package a stage into a folder; returns cfn-lint's exit status."""
    check_python()
    shutil.rmtree(out, ignore_errors=True)
    source = out / "source"
    source.mkdir(parents=True)
    copy_source(stage, source)
    merge = merge_file(stage, out)
    print(f"Packaging the stage {stage} into {out} (downloads the layer's packages)", flush=True)
    run_chalice(stage, source, merge, out)
    merge.unlink()
    shutil.rmtree(source)
    rework(out / "deployment.zip", out, layer=False)
    rework(out / "layer-deployment.zip", out, layer=True)
    make_mirror_layer(out)
    shutil.copytree(INFRA / "statemachines", out / "statemachines")
    for archive in sorted(out.glob("*.zip")):
        print(f"  {archive.name}: {archive.stat().st_size / 1e6:.1f} MB")
    lint = [str(Path(sys.executable).parent / "cfn-lint"), str(out / "sam.json")]
    return subprocess.run(lint, cwd=ROOT, check=False).returncode


def main() -> int:
    """Package and check."""
    parser = argparse.ArgumentParser(prog="scripts/package.py")
    parser.add_argument("--stage", default="prod")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    return package(options.stage, options.out.resolve())


if __name__ == "__main__":
    sys.exit(main())
