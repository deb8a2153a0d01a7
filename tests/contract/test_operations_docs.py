"""docs/ hangs together, and docs/operations says of every alarm what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.shared import metrics
from chalicelib.shared.settings import TABLES

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "operations" / "runbooks.md"
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


def anchors(page: Path) -> set[str]:
    """The names under which GitHub lets a page's headings be linked."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def links(page: Path) -> Iterator[str]:
    """The links of a page that lead to files, not to the internet."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files that are linked exist, and so do the headings."""
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name}: {target}"


def test_every_operations_page_is_found_from_the_first_one() -> None:
    """No page of docs/operations is an island."""
    folder = ROOT / "docs" / "operations"
    linked = {target.partition("#")[0] for target in links(folder / "README.md")}
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} <= linked


def test_every_alarm_has_a_runbook(template: dict[str, Any]) -> None:
    """The alarms of the template and the headings of the runbooks are the same names."""
    alarms = {
        resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("todoku-${Stage}-")
        for resource in template["Resources"].values()
        if resource["Type"].startswith("AWS::CloudWatch::") and "AlarmName" in resource["Properties"]
    }
    headings = re.findall(r"^### (.+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE)
    named = [name for heading in headings for name in re.findall(r"`([^`]+)`", heading)]
    assert sorted(named) == sorted(alarms)


def test_every_saved_query_answers_a_question(template: dict[str, Any], functions: dict[str, Any]) -> None:
    """The runbooks name each query, and each looks into the logs of every function."""
    page = RUNBOOKS.read_text(encoding="utf-8")
    section = page.split("## Questions\n", 1)[1].split("\n## ", 1)[0]
    queries = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::QueryDefinition"
    ]
    names = {query["Name"]["Fn::Sub"].removeprefix("todoku-${Stage}/") for query in queries}
    assert set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)) == names
    groups = {f"/aws/lambda/${{{function['logical']}}}" for function in functions.values()}
    for query in queries:
        assert {group["Fn::Sub"] for group in query["LogGroupNames"]} == groups


def test_every_metric_is_on_the_page() -> None:
    """docs/operations/metrics.md lists what the program counts, and nothing else."""
    page = (ROOT / "docs" / "operations" / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Za-z0-9]+)`", page, re.MULTILINE)) == metrics.NAMES


def test_alarms_and_dashboard_look_at_metrics_that_exist(template: dict[str, Any]) -> None:
    """Nobody watches a metric of ours that nothing writes; throttles are watched on every table."""
    resources = template["Resources"].values()
    alarms = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Alarm"]
    of_ours = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == metrics.NAMESPACE}
    assert of_ours <= metrics.NAMES
    assert {"LedgerUnknown", "Line429", "Line4xx", "Line5xx", "QuotaLeft"} <= of_ours
    for kind in ("Write", "Read"):
        (query,) = [
            text
            for alarm in alarms
            for metric in alarm.get("Metrics", [])
            if f"{kind}ThrottleEvents" in (text := metric["Expression"]["Fn::Sub"])
        ]
        assert set(re.findall(r"'\$\{TablesPrefix\}([a-z]+)'", query)) == set(TABLES)
    (dashboard,) = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Dashboard"]
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    shown: set[str] = set()
    for widget in widgets:
        rows = widget["properties"]["metrics"]
        if rows[0][0] == metrics.NAMESPACE:
            shown |= {row[1] for row in rows}
    assert shown == metrics.NAMES
    assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)


@pytest.mark.parametrize("machine", ["BroadcastMachine", "MinuteMachine"])
def test_a_machine_that_fails_rings(template: dict[str, Any], machine: str) -> None:
    """Both state machines have an alarm on failed executions."""
    dimensions = [{"Name": "StateMachineArn", "Value": {"Ref": machine}}]
    assert [
        alarm
        for r in template["Resources"].values()
        if (alarm := r["Properties"]).get("MetricName") == "ExecutionsFailed"
        and alarm.get("Dimensions") == dimensions
    ]


def test_the_page_of_costs_counts_the_alarms(template: dict[str, Any]) -> None:
    """As many as there are."""
    page = (ROOT / "docs" / "operations" / "costs.md").read_text(encoding="utf-8")
    alarms = [r for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    assert f"| {len(alarms)} alarms " in page
