"""Make ``build/`` ready for deployment: the merged template, the code, the layer (``make package``).

    .venv/bin/python scripts/package.py [--stage prod] [--out build]

Then: ``aws cloudformation package --template-file build/sam.yaml --s3-bucket ... --output-template-file
build/packaged.yaml`` and ``aws cloudformation deploy --template-file build/packaged.yaml --capabilities
CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --stack-name todoku-prod`` (docs/operations.md).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chalicelib.local.resources import INFRA, read_template  # noqa: E402 (needs the path above)


def merge_file(stage: str, out: Path) -> Path:
    """Our template for one stage, in the form that Chalice merges."""
    template = read_template()
    template["Parameters"]["Stage"].update(Default=stage, AllowedValues=[stage])
    path = out / "infra.json"
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    return path


def packaging_environment(stage: str) -> dict[str, str]:
    """Chalice reads queue names from the imported app: the app must see the stage it is packaged for."""
    contained = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    return {**os.environ, **contained, "TODOKU_STAGE": stage, "AWS_DEFAULT_REGION": "ap-northeast-1"}


def leave_out_the_laptop(path: Path) -> None:
    """Take the local platform out of the code that is deployed: nothing on AWS imports it."""
    whole = path.with_suffix(".whole.zip")
    path.rename(whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            if not entry.filename.startswith("chalicelib/local/"):
                target.writestr(entry, source.read(entry))
    whole.unlink()


def main() -> int:
    """Package and check; the exit status is cfn-lint's."""
    parser = argparse.ArgumentParser(prog="scripts/package.py")
    parser.add_argument("--stage", default="prod")
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    out: Path = options.out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    merge = merge_file(options.stage, out)
    print(f"Packaging the stage {options.stage} into {out} (the first time downloads the layer's packages)")
    binaries = Path(sys.executable).parent
    chalice = [str(binaries / "chalice"), "package", "--stage", options.stage, "--merge-template", str(merge)]
    command = [*chalice, "--template-format", "json", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, env=packaging_environment(options.stage))
    merge.unlink()
    leave_out_the_laptop(out / "deployment.zip")
    shutil.copytree(INFRA / "statemachines", out / "statemachines")
    return subprocess.run(
        [str(binaries / "cfn-lint"), str(out / "sam.json")], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
