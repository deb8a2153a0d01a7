"""Sizes of the packaged app and layer, and how long a cold start imports, for each function.

    python -m benchmarks.cold [build]             build/ is made by: make package

Of the layer the packages for this machine are installed, made smaller and compiled as for the deployed one.
Each function's module is imported by a fresh interpreter with nothing but app and layer on its path. Without
a build the source and this environment are measured, which says less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from chalicelib.local import wiring
from chalicelib.local.config import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

RUNS = 3
ONLY: frozenset[str] = frozenset()
"""The functions that are measured; all, if none is named."""
MEGABYTE = 1_000_000
PROBE = """
import importlib, json, re, sys, time
began, cpu = time.perf_counter(), time.process_time()
importlib.import_module(sys.argv[1])
found = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu, "modules": len(sys.modules)}
status = open("/proc/self/status").read()  # getrusage would count the parent too
print(json.dumps(found | {"memory": int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024}))
"""


def functions() -> dict[str, str]:
    """The module of each function's handler, by the function's name."""
    app = wiring.load_app("app")
    found = [one.function for one in (*wiring.queue_handlers(app), *wiring.scheduled_handlers(app))]
    found += [*wiring.lambda_functions(app).values(), wiring.api_function()]
    wanted = [one for one in found if not ONLY or one.name in ONLY]
    return {one.name: one.path.rpartition(".")[0] for one in wanted}


def unpacked(build: Path, folder: Path) -> list[Path]:
    """App and layer as on Lambda; prints their sizes."""
    from package import compile_all, slim
    from rendered import install

    app, layer = folder / "app", folder / "layer"
    with zipfile.ZipFile(build / "deployment.zip") as archive:
        archive.extractall(app)
    for name in ("deployment.zip", "layer-deployment.zip"):
        with zipfile.ZipFile(build / name) as archive:
            whole = sum(one.file_size for one in archive.infolist())
        packed = (build / name).stat().st_size
        print(f"{name}: {packed / MEGABYTE:.1f} MB, unpacked {whole / MEGABYTE:.1f} MB")
    install(layer, "requirements.txt")
    slim(layer)
    compile_all(layer)
    return [app, layer]


def imported(module: str, path: list[Path]) -> dict[str, float]:
    """The medians of some fresh interpreters that import a module."""
    keep = ("PATH", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    env = {name: value for name, value in os.environ.items() if name in keep or name.startswith("TODOKU_")}
    env |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *(["-S"] if len(path) > 1 else []), "-c", PROBE, module]
    runs: list[dict[str, Any]] = []
    for _ in range(RUNS):
        done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> int:
    """Unpack, import, print."""
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build")
    with tempfile.TemporaryDirectory() as folder:
        if (build / "deployment.zip").exists():
            path = unpacked(build, Path(folder))
        else:
            print(f"{build} holds no package (make package): the source and this environment are measured")
            path = [ROOT]
        print(f"{'function':<16} {'wall':>8} {'CPU':>8} {'modules':>8} {'memory':>8}")
        for name, module in {**functions(), "boto3 alone": "boto3"}.items():
            found = imported(module, path)
            times = f"{found['wall'] * 1000:5.0f} ms {found['cpu'] * 1000:5.0f} ms"
            print(f"{name:<16} {times} {found['modules']:8.0f} {found['memory']:5.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
