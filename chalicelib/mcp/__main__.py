"""``python -m chalicelib.mcp --url https://… --account salon``: an MCP server over stdio.

The API key is in ``TODOKU_API_KEY``: a viewer's or an editor's, of one account.
"""

from __future__ import annotations

import argparse
import os
import sys

from chalicelib.mcp import server
from chalicelib.mcp.todoku import CannotServe, Todoku


def main(arguments: list[str]) -> int:
    """Serve until the other side closes; 1 with a sentence when it cannot begin."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.mcp", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where Todoku's API answers")
    parser.add_argument("--account", help="the account, when the key is for all of them")
    parser.add_argument("--without-friends", action="store_true", help="no tool that shows single friends")
    given = parser.parse_args(arguments)
    try:
        todoku = Todoku.connect(given.url, os.environ.get("TODOKU_API_KEY", ""), given.account)
    except CannotServe as why:
        sys.stderr.write(f"{why}\n")
        return 1
    server.make(todoku, with_friends=not given.without_friends).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
