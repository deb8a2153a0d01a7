"""SSM's Parameter Store, as far as secrets need it: kept in ``secrets.json``, mode 0600, before the answer.

Our own because moto forgets its parameters and takes seconds to import its SSM. Not spoken: versions,
labels, tiers, policies and encryption (the file's mode protects the laptop's copies).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.local.journal import write_atomically

TARGET = "AmazonSSM."
Answer = tuple[int, dict[str, str], bytes]


class _Refused(Exception):
    """An error of SSM, by the name of its shape."""


class Secrets:
    """Answers SSM requests from one file. Thread-safe."""

    def __init__(self, path: Path, region: str, account_id: str) -> None:
        self._path = path
        self._arn = f"arn:aws:ssm:{region}:{account_id}:parameter"
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._kept = json.loads(path.read_text(encoding="utf-8"))
        self._actions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "PutParameter": self._put,
            "GetParameter": self._get,
            "GetParameters": self._get_all,
            "GetParametersByPath": self._get_by_path,
            "DeleteParameter": self._delete,
            "DeleteParameters": self._delete_all,
        }

    def answer(self, target: str, raw: bytes) -> Answer:
        """Status, headers and body for a request."""
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        try:
            action = self._actions[target.removeprefix(TARGET)]
            with self._lock:
                return 200, headers, json.dumps(action(json.loads(raw or b"{}"))).encode()
        except KeyError:
            name = "UnsupportedOperationException"
        except _Refused as error:
            name = str(error)
        return 400, headers, json.dumps({"__type": name, "message": name}).encode()

    def _put(self, body: dict[str, Any]) -> dict[str, Any]:
        before = self._kept.get(body["Name"])
        if before and not body.get("Overwrite"):
            raise _Refused("ParameterAlreadyExists")
        version = before["Version"] + 1 if before else 1
        kept = {"Name": body["Name"], "Value": body["Value"], "Type": body.get("Type", "String")}
        self._keep({**self._kept, body["Name"]: {**kept, "Version": version, "At": time.time()}})
        return {"Version": version, "Tier": "Standard"}

    def _get(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["Name"] not in self._kept:
            raise _Refused("ParameterNotFound")
        return {"Parameter": self._shown(body["Name"])}

    def _get_all(self, body: dict[str, Any]) -> dict[str, Any]:
        known = [name for name in body["Names"] if name in self._kept]
        missing = [name for name in body["Names"] if name not in self._kept]
        return {"Parameters": [self._shown(name) for name in known], "InvalidParameters": missing}

    def _get_by_path(self, body: dict[str, Any]) -> dict[str, Any]:
        path = body["Path"].rstrip("/") + "/"
        found = [name for name in sorted(self._kept) if name.startswith(path)]
        if not body.get("Recursive"):
            found = [name for name in found if "/" not in name[len(path) :]]
        return {"Parameters": [self._shown(name) for name in found]}

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["Name"] not in self._kept:
            raise _Refused("ParameterNotFound")
        self._delete_all({"Names": [body["Name"]]})
        return {}

    def _delete_all(self, body: dict[str, Any]) -> dict[str, Any]:
        known = [name for name in body["Names"] if name in self._kept]
        self._keep({name: kept for name, kept in self._kept.items() if name not in known})
        missing = [name for name in body["Names"] if name not in known]
        return {"DeletedParameters": known, "InvalidParameters": missing}

    def _keep(self, kept: dict[str, dict[str, Any]]) -> None:
        write_atomically(self._path, json.dumps(kept, indent=1).encode())
        self._kept = kept

    def _shown(self, name: str) -> dict[str, Any]:
        kept = self._kept[name]
        return {
            "Name": name,
            "Type": kept["Type"],
            "Value": kept["Value"],
            "Version": kept["Version"],
            "LastModifiedDate": kept["At"],
            "ARN": f"{self._arn}/{name.lstrip('/')}",
            "DataType": "text",
        }
