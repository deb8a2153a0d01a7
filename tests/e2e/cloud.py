"""The emulated AWS in a process of its own, with the stack's resources, and LINE."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3

from chalicelib.local.config import ROOT
from tests.e2e.platform import free_port
from tests.e2e.strict_line import StrictLine

SECRET, TOKEN, KEY = "s" * 32, "line-token", "an-admin-key-for-the-trial"


class Cloud:
    """The emulated AWS with the stack's tables, queues and machines, and LINE."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.line = StrictLine(TOKEN)
        self.env = {
            "TODOKU_STAGE": "test",
            "TODOKU_LINE_API_URL": self.line.url,
            "TODOKU_TIMERS_DRAIN_EARLY_S": "0",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "AWS_REGION": "ap-northeast-1",
            "TZ": "UTC",
        }
        command = [sys.executable, "-m", "chalicelib.local.cloud", "--port", str(port), "--dir", str(folder)]
        env = {"PATH": os.environ["PATH"], **self.env}
        self.process = subprocess.Popen(command, cwd=ROOT, env=env)
        self._await()
        setup = (
            "from chalicelib.local import resources; resources.create_all()\n"
            "from chalicelib.accounts import service\n"
            f"service.ensure_key('trial', 'trial', 'admin', None, {KEY!r})"
        )
        subprocess.run([sys.executable, "-c", setup], check=True, cwd=ROOT, env=env)
        self.sqs = self.client("sqs")

    def client(self, service: str) -> Any:
        """A client of the emulated AWS."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="ap-northeast-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _await(self) -> None:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"{self.url}/_health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError("the emulated AWS did not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
