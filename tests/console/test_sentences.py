"""The segment builder knows every leaf of the grammar, and says each of them in words, in both languages."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chalicelib.conditions import language
from tests.console.test_build import CONSOLE, node

__all__ = ["node"]
GROUPS = {"all", "any", "not", "everyone"}
SENTENCES: dict[str, Any] = {
    "タグ「vip」がある": {"tag": "vip"},
    "先月に付いたタグ「vip」がない": {"not": {"tag": {"id": "vip", "since": {"within": "last_month"}}}},
    "「誕生日」の記念日が今月": {"attribute": {"id": "誕生日", "anniversary_in": "this_month"}},
    "「pt」が3以上": {"score": {"id": "pt", "gte": 3}},
    "1か月以内に「top」にページを見た(2回以上)": {
        "event": {"type": "page_viewed", "key": "top", "count": {"gte": 2}, "within": "1mo"}
    },
    "今月、「来店」": {"event": {"type": "custom:来店", "within": "this_month"}},
    "最後の購入が60〜66日前": {"purchase": {"last": {"days_ago": [60, 66]}}},
    "「化粧水」購入が2回以上、購入合計が1,000〜5,000円": {
        "purchase": {"category": "化粧水", "count": {"gte": 2}, "total": {"between": [1000, 5000]}}
    },
    "購入したことがない": {"not": {"purchase": {"count": {"gte": 1}}}},
    "先週、購入あり": {"purchase": {"last": {"within": "last_week"}}},
    "「茶」の購入ステージが休眠 または ロイヤル": {"stage": {"in": ["dormant", "loyal"], "category": "茶"}},
    "最終購入のランクが4以上、購入回数が2回": {"rfm": {"r_rank": {"gte": 4}, "f": {"eq": 2}}},
    "予約の件数が3件以上": {"reservation": {"count": {"gte": 3}}},
    "2日以内に予約がある": {"reservation": {"upcoming": True, "in_next": "2d"}},
    "最近の流入経路が「poster」": {"source": {"latest": "poster"}},
    "会員連携している": {"friend": {"linked": True}},
    "会員ランクが「gold」": {"member": {"rank": {"eq": "gold"}}},
    "会員とつながっていない": {"member": {"linked": False}},
    "「welcome」の「first」にいる": {"scenario": {"id": "welcome", "state": "active", "node": "first"}},
    "今週、「sale」のリンクを押した": {"delivery": {"clicked": True, "id": "sale", "within": "this_week"}},
    "「check」 q1が「dry」": {"form": {"id": "check", "question": "q1", "eq": "dry"}},
    "ランダムな0〜50%": {"random": {"salt": "a", "from": 0, "to": 50}},
    "すべての宣伝の配信を停止している": {"opted_out": "marketing"},
    "セグメント「vips」の人": {"segment": "vips"},
}
PROGRAM = """
import { toTree } from "./src/conditions/model";
import { sentence } from "./src/conditions/sentence";
const asked = JSON.parse(process.argv[2]);
console.log(JSON.stringify(asked.map((one) => sentence(toTree(one), {}))));
"""
GLOBALS = """
globalThis.document = { documentElement: { lang: "", dataset: {} } };
globalThis.localStorage = { getItem: () => process.env.SPOKEN };
"""


@pytest.fixture(scope="module")
def program(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sentences as a program of their own."""
    made = tmp_path_factory.mktemp("sentences") / "say.mjs"
    how = {
        "stdin": {"contents": PROGRAM, "resolveDir": str(CONSOLE)},
        "outfile": str(made),
        "bundle": True,
        "format": "esm",
        "jsx": "automatic",
        "banner": {"js": GLOBALS},
        "logLevel": "error",
    }
    script = f'import {{ build }} from "esbuild"; await build({json.dumps(how)});'
    subprocess.run([node, "--input-type=module", "-e", script], cwd=CONSOLE, check=True)
    return made


def say(node: str, program: Path, spoken: str) -> list[str]:
    """Every condition in a language."""
    asked = json.dumps(list(SENTENCES.values()))
    done = subprocess.run(
        [node, str(program), asked], capture_output=True, text=True, check=True, env={"SPOKEN": spoken}
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_leaf_has_a_place_in_the_builder() -> None:
    """What the grammar knows can be picked, and is said."""
    picked = set(re.findall(r'one\("\w+", "(\w+)"', (CONSOLE / "src/conditions/leaves.tsx").read_text()))
    known = set(language.keys()) - GROUPS
    assert picked == known
    assert known <= {next(iter(one.get("not", one))) for one in SENTENCES.values()}


def test_conditions_are_put_in_words(node: str, program: Path) -> None:
    """Japanese as it is written here; English without a name of a field, a brace or an empty place."""
    assert say(node, program, "ja") == list(SENTENCES)
    for text in say(node, program, "en"):
        assert not re.search(r"[{}\[\]]|_|undefined|  |\bsay\.", text), text
