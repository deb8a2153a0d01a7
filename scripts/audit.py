"""Let checkov read the packaged template as CloudFormation makes it (``make audit``).

checkov and what it needs are 265 MB, so they live in ``.tools/checkov`` and are installed at the first call.
What it finds is mended or listed below with the reason; anything else fails, and so does a reason for which
it finds nothing any more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".tools" / "checkov"
sys.path.insert(0, str(ROOT / "scripts"))

from rendered import render, transformed  # noqa: E402 (needs the path above)
from setup import run  # noqa: E402

CHECKOV = "checkov==3.3.30"

LEFT = {
    "CKV_AWS_18": "access logs of the bucket: browsers reach it by addresses signed for an hour",
    "CKV_AWS_21": "versions of files: whoever is erased must be gone from files too; tables have recovery",
    "CKV_AWS_26": "the alarm topic by KMS: CloudWatch may not publish by aws/sns; alarms have numbers only",
    "CKV_AWS_27": "queues by KMS: they are encrypted by SQS's own keys (SqsManagedSseEnabled)",
    "CKV_AWS_68": "a firewall before the files for messages: they are public, and read-only",
    "CKV_AWS_86": "access logs of the files for messages: they would show who read what, and when",
    "CKV_AWS_115": "concurrency of each function: kept for two; queues have a MaximumConcurrency",
    "CKV_AWS_116": "dead letters of functions: they are behind the queues; others are called again",
    "CKV_AWS_117": "a VPC: there is nothing private to reach, and it would need a NAT to reach LINE",
    "CKV_AWS_119": "tables by a key of one's own: DynamoDB encrypts by its own",
    "CKV_AWS_120": "a cache before the API: answers are a person's own and must be fresh",
    "CKV_AWS_158": "logs by a key of one's own: CloudWatch encrypts by its own; logs hold no bodies",
    "CKV_AWS_173": "variables by a key of one's own: they hold no secret",
    "CKV_AWS_174": "TLS 1.2 at the least for the files: with CloudFront's own certificate AWS chooses",
    "CKV_AWS_192": "Log4j's message lookup: there is no Java behind the firewall",
}
"""Checks that fail on purpose."""


def uploaded(template: dict[str, Any]) -> dict[str, Any]:
    """The template with its local files named as if they had been uploaded."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for field in ("CodeUri", "ContentUri", "DefinitionUri"):
            if isinstance(properties.get(field), str):
                properties[field] = {"Bucket": "packages", "Key": Path(properties[field]).name}
    return template


def findings(template: Path) -> dict[str, set[str]]:
    """The failed checks of a template, each with the resources. Asks nobody on the internet."""
    checkov = [
        sys.executable,
        "-c",
        "from checkov.main import Checkov; import sys; sys.exit(Checkov().run())",
    ]
    options = ["--framework", "cloudformation", "--quiet", "--compact", "--skip-download", "-o", "json"]
    done = subprocess.run(
        [*checkov, *options, "-f", str(template)],
        env={"PYTHONPATH": str(TOOLS), "PATH": "/usr/bin:/bin", "HOME": str(TOOLS)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        failed: list[dict[str, Any]] = json.loads(done.stdout)["results"]["failed_checks"]
    except (ValueError, KeyError):
        sys.exit(f"checkov did not work:\n{done.stdout}{done.stderr}")
    found: dict[str, set[str]] = {}
    for one in failed:
        found.setdefault(one["check_id"], set()).add(f"{one['resource']}: {one['check_name']}")
    return found


def main() -> int:
    """Install, render, read, compare."""
    if not (TOOLS / "checkov").exists():
        print(f"Installing checkov into {TOOLS}", flush=True)
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", TOOLS, CHECKOV])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        template = out / "stack.json"
        packaged = uploaded(json.loads(render(out).read_text(encoding="utf-8")))
        template.write_text(json.dumps(transformed(packaged, out / "sam")), encoding="utf-8")
        found = findings(template)
    for check in sorted(found.keys() - LEFT):
        print(check, *sorted(found[check]), sep="\n  ")
    for check in sorted(LEFT.keys() - found):
        print(f"{check}: nothing is found any more, take its reason out of scripts/audit.py")
    print(f"{len(found)} kinds of findings, {len(found.keys() - LEFT)} of them without a reason")
    return 1 if found.keys() != LEFT.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
