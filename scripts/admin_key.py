"""Make the first admin key of a deployed stage, with the AWS credentials of whoever calls this.

    .venv/bin/python scripts/admin_key.py --stage prod

Prints the key; only its hash is kept. Calling it again replaces this key and no other.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    """Make the key and print it."""
    parser = argparse.ArgumentParser(prog="scripts/admin_key.py")
    parser.add_argument("--stage", required=True)
    os.environ["TODOKU_STAGE"] = parser.parse_args().stage
    from chalicelib.accounts import service
    from chalicelib.shared.ids import new_secret

    key = new_secret()
    service.ensure_key("operator", "made by scripts/admin_key.py", "admin", None, key)
    print(key)


if __name__ == "__main__":
    main()
