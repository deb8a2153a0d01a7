"""The published contract: OpenAPI 3.1, made from the models that validate and what each route declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from chalicelib.conditions import schemas
from chalicelib.http.budget import MAX_BODY_BYTES
from chalicelib.http.language import LANG, LANG_DESCRIPTION
from chalicelib.http.routes import Operation
from chalicelib.shared.reasons import LANGUAGES
from chalicelib.shared.version import VERSION

Used = tuple[type[BaseModel], JsonSchemaMode]
References = Mapping[Any, dict[str, Any]]
"""(model, mode) -> the reference to its schema."""

_REF = "#/components/schemas/{model}"
_ERRORS = {
    400: "Shape, type or range is wrong",
    401: "No key, or one that is not known",
    403: "The key may not do this",
    404: "There is no such thing",
    409: "Stale If-Match, wrong state, or an Idempotency-Key used before with another request",
    413: f"The body is larger than this endpoint takes ({MAX_BODY_BYTES} bytes unless stated otherwise)",
    415: "Another media type is needed",
    422: "Well-formed, but it cannot work",
    429: "A limit is reached; later may work",
    503: "Something we depend on did not take it; try again",
}
_REASON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["code", "params"],
    "properties": {"code": {"type": "string"}, "params": {"type": "object"}},
}
"""What a sentence says, for programs."""
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "reason", "details"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "reason": _REASON_SCHEMA,
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "message", "reason"],
                        "properties": {
                            "path": {"type": "string"},
                            "message": {"type": "string"},
                            "reason": _REASON_SCHEMA,
                        },
                    },
                },
                "current_revision": {"type": ["integer", "null"]},
            },
        }
    },
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    used = sorted(
        set(_used(operations)), key=lambda pair: (pair[0].__module__, pair[0].__qualname__, pair[1])
    )
    references, definitions = models_json_schema(used, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in sorted(operations, key=lambda o: (o.path, o.method)):
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Todoku",
            "version": VERSION,
            "description": "LINE Official Account marketing in your own AWS account.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {
                **{name: _with_conditions(schema) for name, schema in definitions.get("$defs", {}).items()},
                "Condition": schemas.condition(),
                "Error": _ERROR_SCHEMA,
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "responses": {str(status): _error(reason) for status, reason in _ERRORS.items()},
        },
    }


_CONDITIONS = frozenset({"condition", "audience", "exclude", "if"})
"""Fields that hold one, wherever they are."""


def _with_conditions(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a model whose conditions, to the model any object, are those of the language."""
    properties = {
        name: _as_condition(field) if name in _CONDITIONS else field
        for name, field in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else schema


def _as_condition(field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") == "object" and "properties" not in field:
        return schemas.CONDITION
    if "anyOf" in field:
        return {**field, "anyOf": [_as_condition(one) for one in field["anyOf"]]}
    return field


def _used(operations: Iterable[Operation]) -> Iterable[Used]:
    for operation in operations:
        if operation.request is not None:
            yield operation.request, "validation"
        if operation.response is not None:
            yield operation.response, "serialization"
        for other in operation.others.values():
            yield other, "serialization"


def _operation(operation: Operation, references: References) -> dict[str, Any]:
    body: dict[str, Any] = {
        "operationId": _name(operation),
        "summary": operation.summary,
        "tags": [_tag(operation.path)],
        "security": [] if operation.role is None else [{"key": []}],
        "parameters": _parameters(operation),
        "responses": _responses(operation, references),
    }
    if operation.role is not None:
        body["description"] = f"Needs the role {operation.role}."
    if operation.request is not None:
        schema = references[operation.request, "validation"]
        body["requestBody"] = {
            "required": True,
            "content": {media_type: {"schema": schema} for media_type in operation.media_types},
        }
    return body


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if operation.path.startswith("/v1/"):
        schema = {"type": "string", "enum": list(LANGUAGES)}
        parameters.append({"name": LANG, "in": "query", "description": LANG_DESCRIPTION, "schema": schema})
    for name, description in (operation.query or {}).items():
        parameters.append(
            {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}
        )
    if operation.method == "POST" and operation.role is not None:
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}})
    return parameters


def _responses(operation: Operation, references: References) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.response is not None:
        schema = _paged(operation, references[operation.response, "serialization"])
        answer["content"] = {"application/json": {"schema": schema}}
    responses = {str(operation.status): answer}
    if operation.method == "PUT" and operation.status == 200:
        responses["201"] = {**answer, "description": HTTPStatus.CREATED.phrase}
    for status, other in operation.others.items():
        content = {"application/json": {"schema": references[other, "serialization"]}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    if operation.path.startswith("/v1/") and operation.role is not None:
        responses |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in _ERRORS}
    return responses


def _paged(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    """A list that declares the model of its items answers pages of them."""
    if "cursor" not in (operation.query or {}) or "items" in (operation.response or BaseModel).model_fields:
        return schema
    return {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": schema},
            "next_cursor": {"type": ["string", "null"]},
        },
    }


def _error(reason: str) -> dict[str, Any]:
    return {
        "description": reason,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _name(operation: Operation) -> str:
    words = re.findall(r"[A-Za-z0-9]+", operation.path.removeprefix("/v1/"))
    return "_".join([operation.method.lower(), *words])


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return parts[2] if parts[:2] == ["v1", "accounts"] and len(parts) > 2 else parts[-1] if parts else "root"
