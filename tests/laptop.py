"""The laptop's own store for tests: dynalite as it is published, in memory, on a free loopback port.

Without what ``infra/dynalite/shim.cjs`` mends in it: our code must not lean on that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.local import processes
from tests.conftest import emulated_aws

_SERVE = """
const server = require('dynalite')({createTableMs: 0, deleteTableMs: 0, updateTableMs: 0})
server.keepAliveTimeout = 3600 * 1000
process.stdin.on('end', () => process.exit(0)).resume()
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
"""


@contextmanager
def dynalite() -> Iterator[str]:
    """The address of a running, empty dynalite; it ends with the block, or with the test process."""
    command = [processes.node(), "-e", _SERVE]
    with subprocess.Popen(
        command, cwd=processes.DYNALITE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture(scope="module")
def laptop_store() -> Iterator[str]:
    """One dynalite for the tests of a module."""
    with dynalite() as url:
        yield url


@pytest.fixture(name="cloud", params=["moto", "dynalite"])
def both_stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``cloud`` twice: all of it emulated by moto, and with the laptop's own store for the tables."""
    store = None
    if request.param == "dynalite":
        store = request.getfixturevalue("laptop_store")
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", store)
    with emulated_aws(store):
        yield
