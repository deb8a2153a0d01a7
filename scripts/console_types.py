"""Write ``console/src/api/schema.ts``: the models of the published contract as TypeScript.

    .venv/bin/python scripts/console_types.py [file]

Made from the OpenAPI document, so that what the console expects is what the API validates. The build does not
need it (types leave no trace in what is served); the check of types does, and writes it first.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_SAFE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


def name_of(schema: str) -> str:
    """A schema's name as that of a type."""
    return re.sub(r"[^A-Za-z0-9]+", "_", schema)


def type_of(schema: Mapping[str, Any]) -> str:
    """The type of what a schema admits."""
    if "$ref" in schema:
        return name_of(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_bracketed(type_of(one)) for one in schema[several]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(dict.fromkeys(type_of({**schema, "type": one}) for one in kind))
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(type_of(one) for one in schema['prefixItems'])}]"
        return f"{_bracketed(type_of(schema.get('items', {})))}[]"
    if kind == "object" or "properties" in schema:
        return _object(schema)
    return _PLAIN.get(str(kind), "unknown")


def _bracketed(text: str) -> str:
    return f"({text})" if " | " in text else text


def _object(schema: Mapping[str, Any]) -> str:
    fields, needed = schema.get("properties", {}), set(schema.get("required", ()))
    lines = [
        f"{name if _SAFE.match(name) else json.dumps(name)}{'' if name in needed else '?'}: {type_of(field)};"
        for name, field in fields.items()
    ]
    rest = schema.get("additionalProperties", not fields)
    if rest:
        inner = type_of(rest) if isinstance(rest, dict) and not fields else "unknown"
        lines.append(f"[name: string]: {inner};")
    return "{ " + " ".join(lines) + " }" if lines else "Record<string, never>"


def typescript(document: Mapping[str, Any]) -> str:
    """The whole file."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield "// Made by scripts/console_types.py from the published contract. Not for editing."
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"export type {name_of(name)} = {type_of(schema)};"


def main(arguments: list[str]) -> None:
    """Write it where it is wanted."""
    from app import app
    from chalicelib.api import contract, openapi

    target = Path(arguments[0]) if arguments else ROOT / "console" / "src" / "api" / "schema.ts"
    target.write_text(typescript(openapi.document(contract.declared(app.routes))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
