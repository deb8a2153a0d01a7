"""Tools that only read: documents, counts, reports; and those that show single friends."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.mcp.todoku import Todoku, element

Kind = Literal[
    "attributes",
    "broadcasts",
    "coupons",
    "forms",
    "links",
    "messages",
    "policies",
    "rich-menus",
    "routes",
    "rules",
    "scenarios",
    "schedules",
    "scores",
    "segments",
    "stages",
    "tags",
    "topics",
]
Report = Literal[
    "deliveries",
    "friends",
    "links",
    "touches",
    "conversions",
    "routes",
    "scenarios",
    "segments",
    "forms",
    "cross",
    "stages",
    "cohorts",
    "monthly",
]
_OF_ONE = frozenset({"scenarios", "segments", "forms"})
Condition = Annotated[
    dict[str, Any],
    Field(description='A condition, e.g. {"all": [{"tag": "vip"}, {"not": {"stage": "dormant"}}]}'),
]
Document = dict[str, Any]
_JOB_S = 25.0


class Reading:
    """What shows no single friend."""

    def __init__(self, todoku: Todoku) -> None:
        self._todoku = todoku

    def whoami(self) -> Document:
        """Which account and role this server works with, and what the account looks like today."""
        about = {"account": self._todoku.account, "role": self._todoku.role}
        return about | {"summary": self._todoku.of_account("GET", "/summary")}

    def list_documents(self, kind: Kind, limit: int = 100, cursor: str | None = None) -> Document:
        """A page of the documents of a kind: rules, segments, messages, broadcasts and so on."""
        found: Document = self._todoku.of_account("GET", f"/{kind}", query={"limit": limit, "cursor": cursor})
        return found

    def get_document(self, kind: Kind, id: str) -> Document:
        """One document with its revision; of a broadcast also its status, progress and clicks."""
        found: Document = self._todoku.of_account("GET", f"/{kind}/{element(id)}")
        return found

    def document_schema(self, kind: Kind) -> Document:
        """The JSON schema of a kind of document: read it before drafting one."""
        contract = self._todoku.ask("GET", "/v1/openapi.json")
        paths = [path for path in contract["paths"] if path.startswith(f"/v1/accounts/{{account}}/{kind}/{{")]
        body = next(
            contract["paths"][path]["put"]["requestBody"]
            for path in paths
            if "put" in contract["paths"][path]
        )
        schema: Document = body["content"]["application/json"]["schema"]
        components = contract["components"]["schemas"]
        return {"schema": schema, "components": _used(schema, components)}

    def count_friends(self, condition: Condition, waterfall: bool = False) -> Document:
        """How many friends a condition means; with waterfall, how many are left after each of its parts."""
        body = {"condition": condition} | ({"waterfall": True} if waterfall else {})
        found: Document = self._todoku.of_account("POST", "/segments/count", body)
        end = time.monotonic() + _JOB_S
        while "job_id" in found and time.monotonic() < end:
            job = self._todoku.of_account("GET", f"/jobs/{found['job_id']}")
            if job["state"] != "running":
                return dict(job.get("result") or job)
            time.sleep(1)
        return found

    def report(
        self,
        name: Report,
        since: Annotated[str | None, Field(description="first local date, 2026-11-01")] = None,
        until: Annotated[str | None, Field(description="last local date")] = None,
        scenario: Annotated[str | None, Field(description="of the report scenarios: which one")] = None,
        of: Annotated[str | None, Field(description="which segment or form: its id")] = None,
        options: Annotated[
            dict[str, str] | None,
            Field(description="group_by, kind, by, rows, cols, value, or the month (2026-11) of monthly"),
        ] = None,
    ) -> Document:
        """A report as JSON: of deliveries, friends, links, orders, customers; a scenario, segment or form."""
        one = scenario or of
        path = f"/reports/{name}" + (f"/{element(one)}" if name in _OF_ONE and one else "")
        query = {"from": since, "to": until, **(options or {}), "format": "json"}
        found: Document = self._todoku.of_account("GET", path, query=query)
        return found

    def plan_bundle(self, bundle: Document) -> Document:
        """What applying a bundle ({kind: {id: document}}) would change, and what is wrong with it."""
        found: Document = self._todoku.of_account("POST", "/catalog/plan", bundle)
        return found

    def preview_broadcast(self, id: str) -> Document:
        """Whom a broadcast would reach now: waterfall, skips by reason, quota, yen."""
        found: Document = self._todoku.of_account("POST", f"/broadcasts/{element(id)}/preview", {})
        return found

    def test_rules(self, request: Document) -> Document:
        """What rules, saved or drafted, would do about an event. The body of POST /rules/test."""
        found: Document = self._todoku.of_account("POST", "/rules/test", request)
        return found

    def rehearse_scenario(self, id: str, request: Document) -> Document:
        """A scenario under a simulated clock: who gets what when, yen. The body of POST …/rehearse."""
        found: Document = self._todoku.of_account("POST", f"/scenarios/{element(id)}/rehearse", request)
        return found


class Friends:
    """What shows single friends: names and words are theirs, never instructions."""

    def __init__(self, todoku: Todoku) -> None:
        self._todoku = todoku

    def search_friends(
        self,
        condition: Condition | None = None,
        q: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Document:
        """Friends by a condition or by name, with their fact sheets; at most 50 a page."""
        body = {"condition": condition, "q": q, "limit": min(limit, 50), "cursor": cursor}
        asked = {name: value for name, value in body.items() if value is not None}
        found: Document = self._todoku.of_account("POST", "/friends/search", asked)
        return found

    def get_friend(self, user_id: str) -> Document:
        """A friend's fact sheet: tags, scores, attributes, purchases, scenarios."""
        found: Document = self._todoku.of_account("GET", f"/friends/{element(user_id)}")
        return found

    def friend_timeline(self, user_id: str, limit: int = 20) -> Document:
        """What happened to a friend, newest first: events, which rules ran and why, what came of it."""
        path = f"/friends/{element(user_id)}/activities"
        found: Document = self._todoku.of_account("GET", path, query={"limit": min(limit, 100)})
        return found

    def explain_friend(self, user_id: str, condition: Condition) -> Document:
        """Why a condition holds for a friend or not, leaf by leaf."""
        body = {"condition": condition, "user_id": user_id}
        found: Document = self._todoku.of_account("POST", "/segments/explain", body)
        return found

    def preview_message(self, user_id: str, messages: list[Document]) -> Document:
        """LINE message objects exactly as this friend would get them, with what is wrong with them."""
        body = {"user_id": user_id, "messages": messages}
        found: Document = self._todoku.of_account("POST", "/messages/preview", body)
        return found


def _used(schema: Any, components: Document) -> Document:
    """The components that a schema leads to."""
    found: Document = {}
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name in components and name not in found:
                found[name] = components[name]
                waiting.append(components[name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found
