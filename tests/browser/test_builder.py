"""The builder of conditions by keyboard, and by drag: each as good as the other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.look import (
    button,
    reads,
    role,
    see,
    text,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def two_conditions(page: Any) -> tuple[str, str]:
    """A tag and a score in the builder; returns their sentences."""
    for name in ("タグ", "スコア"):
        button(page, "グループ1に条件を追加").press("Enter")
        button(page.get_by_role("dialog"), name).press("Enter")
        button(page, "決定").press("Enter")
    both = re.compile(r"(タグ「.+」がある) かつ (「関心度」が1以上)")
    tag, score = both.fullmatch(reads(page.get_by_test_id("sentence"), both)).groups()  # type: ignore[union-attr]
    return tag, score


def test_the_builder_works_by_keyboard_alone(open_page: Open) -> None:
    """Two conditions are added, swapped, duplicated and taken back without a pointer."""
    page = open_page("viewer", "segments/new")
    for name in ("タグ", "スコア"):
        button(page, "グループ1に条件を追加").press("Enter")
        button(page.get_by_role("dialog"), name).press("Enter")
        button(page, "決定").press("Enter")
    sentence, both = (
        page.get_by_test_id("sentence"),
        re.compile(r"(タグ「.+」がある) かつ (「関心度」が1以上)"),
    )
    tag, score = both.fullmatch(reads(sentence, both)).groups()  # type: ignore[union-attr]
    button(page, re.compile("^上へ: 「関心度」")).press("Enter")
    reads(sentence, f"{score} かつ {tag}")
    button(page, re.compile("^複製: タグ")).press("Space")
    reads(sentence, f"{score} かつ {tag} かつ {tag}")
    button(page, "元に戻す").press("Enter")
    reads(sentence, f"{score} かつ {tag}")


def test_what_is_dragged_can_be_done_by_keyboard(open_page: Open) -> None:
    """Dragged over another a condition takes its place, into a group it is in it; buttons do the same."""
    page = open_page("viewer", "segments/new")
    sentence = page.get_by_test_id("sentence")
    tag, score = two_conditions(page)
    rows = page.locator(".leaf")
    rows.nth(1).drag_to(rows.nth(0))
    reads(sentence, f"{score} かつ {tag}")
    button(page, "元に戻す").click()
    reads(sentence, f"{tag} かつ {score}")
    button(page, "グループ1に組を追加").click()
    group = role(page, "group", "グループ2")
    rows.nth(0).drag_to(group.locator(".group-foot"))
    reads(sentence, f"{score} かつ {tag}")
    see(group.locator(".leaf"))
    button(page, "元に戻す").click()
    for _ in range(2):
        button(page, re.compile("^下へ: タグ")).press("Enter")
    reads(sentence, f"{score} かつ {tag}")
    see(group.locator(".leaf"))
    text(group, "グループ2").drag_to(rows.nth(0))
    reads(sentence, f"{tag} かつ {score}")
