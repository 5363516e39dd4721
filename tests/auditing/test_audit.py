"""What is wrong with a LiteLLM, on values: each sort is found, and what is well is not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.auditing.audit import audit
from fleethub.auditing.fit import servers
from fleethub.auditing.routes import is_local
from fleethub.auditing.values import AuditQuery
from fleethub.model.facts import Facts
from fleethub.model.finding import CODES
from fleethub.model.observation import Source
from fleethub.model.readings.proxy import Deployment, KeyRow, MasterUse, ProxyReading, Team
from fleethub.model.readings.server import ServerReading
from fleethub.views.audit import audit_data, audit_markdown, audit_text
from fleethub.views.style import Style

DAY = 86400.0
GPU = "http://gpu-1:11434"
HOME = Deployment("qwen3-32b", "ollama_chat/qwen3:32b", "1", GPU, 8192, groups=("fast",))
CLOUD = Deployment("gpt-4o", "openai/gpt-4o", "2")
WELL = KeyRow(
    "well", "a" * 64, ("qwen3-32b",), {"max_budget": 5.0}, {}, spend=1.0, age=200 * DAY, used=DAY, left=30 * DAY
)
READING = ProxyReading(frozenset({"qwen3-32b", "gpt-4o"}), (HOME, CLOUD), {}, version="1.106.2", fallbacks={})
QUERY = AuditQuery("http://llm:4000", READING, Facts(""), MasterUse(0, 0.0, 30))


def of(*rows: KeyRow, **fields: Any) -> AuditQuery:
    keys: dict[str, tuple[KeyRow, ...]] = {}
    for row in rows:
        keys[row.alias] = (*keys.get(row.alias, ()), row)
    return replace(QUERY, reading=replace(READING, keys=keys, **fields))


def codes(query: AuditQuery) -> Counter[str]:
    return Counter(f.code.removeprefix("audit.") for f in audit(query).findings)


def key(**fields: Any) -> KeyRow:
    return replace(WELL, **fields)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (key(), ""),
        (key(models=()), "key-everything"),
        (key(allowed_routes=("/v1/*", "/key/*")), "key-manages"),
        (key(models=("*",)), "key-everything"),
        (key(models=("all-proxy-models", "qwen3-32b")), "key-everything"),
        (key(models=("all-team-models",)), ""),
        (key(models=("no-default-models",)), ""),
        (key(models=("gone",)), "key-dead-model"),
        (key(models=("fast",)), ""),  # an access group
        (key(models=("qwen*",)), ""),
        (key(limits={}), "key-no-budget"),
        (key(limits={"max_budget": 0.0}), "key-spent"),
        (key(left=None), "key-no-expiry"),
        (key(left=-DAY, models=()), "key-expired"),
        (key(spend=5.0), "key-spent"),
        (key(used=None, spend=0.0), "key-unused"),
        (key(used=None, spend=None, age=None), ""),  # nothing is told
        (key(used=None, spend=0.0, age=DAY), ""),
        (key(used=100 * DAY), "key-unused"),
        (key(used=100 * DAY, blocked=True), ""),
        (key(alias=""), "key-nameless"),
    ],
)
def test_each_sort_of_key_is_found_and_nothing_else(row: KeyRow, found: str) -> None:
    assert codes(of(row)) == Counter(found.split())


def test_a_team_bounds_its_keys_and_one_that_cannot_be_read_is_not_known() -> None:
    row = key(models=(), limits={}, team="t")
    bounding = Team("t", "agents", ("qwen3-32b",), max_budget=9.0, spend=1.0)
    assert codes(of(row, teams={"t": bounding})) == Counter()
    assert codes(of(row, teams={"t": replace(bounding, models=())})) == Counter({"key-everything": 1})
    assert codes(of(row, teams={"t": replace(bounding, spend=9.0)})) == Counter({"key-spent": 1})
    assert codes(of(row)) == Counter({"key-no-budget": 1})
    assert any("1 team could not be read" in note for note in audit(of(row)).notes)


def test_an_alias_of_two_keys_is_told_once() -> None:
    assert codes(of(key(), key(token="b" * 64))) == Counter({"alias-twice": 1})


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"deployments": (replace(HOME, num_ctx=None), CLOUD)}, "route-no-context"),
        ({"fallbacks": {"qwen3-32b": ("gpt-4o",)}}, "fallback-leaves"),
        ({"fallbacks": {"*": ("gpt-4o",)}}, "fallback-leaves"),
        ({"fallbacks": {"gpt-4o": ("qwen3-32b",)}}, ""),
        ({"fallbacks": {"gpt-4o": ("gpt-4o",)}}, ""),
        ({"fallbacks": {"qwen3-32b": ("gone",)}}, "fallback-missing"),
    ],
)
def test_routes_and_fallbacks(fields: dict[str, Any], found: str) -> None:
    assert codes(of(**fields)) == Counter(found.split())


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://10.0.0.5:11434", True),
        ("http://[fd00::1]:11434", True),
        ("http://gpu-1:11434", True),
        ("http://gpu.tail1234.ts.net", True),
        ("https://api.openai.com/v1", False),
        ("http://8.8.8.8", False),
        ("http://[", False),
    ],
)
def test_what_is_at_home(url: str, local: bool) -> None:
    assert is_local(url) is local


def test_what_is_not_known_is_said_and_not_found() -> None:
    unsure = replace(of(key(), fallbacks=None), used=None, refused={GPU: "not trusted"})
    found = audit(unsure)
    assert found.findings == ()
    assert len(found.notes) == 3
    assert servers(READING) == {GPU: "ollama"}
    there = Facts("", {("ollama", GPU): ServerReading("0.32.1", {}, ())})
    assert any("--vram gpu-1=48GiB" in note for note in audit(replace(of(key()), facts=there)).notes)


def test_the_master_key_in_use() -> None:
    assert codes(replace(QUERY, used=MasterUse(3, 0.5, 30))) == Counter({"master-key-used": 1})


def test_every_code_of_an_audit_is_tried_here_or_on_the_real_one() -> None:
    from pathlib import Path

    root = Path(__file__).parents[1]
    text = Path(__file__).read_text() + (root / "real/test_litellm_audit.py").read_text()
    assert [code for code in CODES if code.startswith("audit.") and code.removeprefix("audit.") not in text] == []


def test_as_people_read_it(snapshot: SnapshotAssertion) -> None:
    rows = [key(alias=f"k{n}", models=(), limits={}) for n in range(7)]
    found = audit(replace(of(*rows, key(alias="a|b_c", left=None)), used=None), "env:OTHER")
    assert audit_text(found, Style()) == snapshot
    assert audit_markdown(found) == snapshot
    assert list(audit_data(found))[-1] == snapshot


EVIL = "x`\n# Now [a](http://e) @octocat *b* \\* sk-abcdefghijklmnop <b>"


def test_what_a_proxy_is_called_by_others_is_no_markup_and_no_command() -> None:
    home = replace(HOME, alias=EVIL, api_base="http://h$(touch pwned);x:11434")
    made = audit(of(key(alias=EVIL, models=()), key(alias="@all", limits={}), deployments=(home,)))
    assert "--vram 'h$(touch pwned);x'=48GiB" not in str(made.notes)  # it was not asked, which is what is said
    shown = audit_markdown(made)
    assert not re.search(r"(?<!\\)@|\]\(|<b>|sk-abc|^# Now", shown, re.MULTILINE)
    facts = Facts("", {Source("ollama", "http://h$(touch pwned);x:11434").id: ServerReading("0.12", {}, ())})
    asked = audit(replace(of(key(models=()), deployments=(home,)), facts=facts))
    assert "--vram 'h$(touch pwned);x'=48GiB" in " ".join(asked.notes)


def test_of_many_the_first_are_shown_and_a_large_proxy_is_judged_at_once() -> None:
    rows = [key(alias=f"k{i}", models=(f"gone{i}", "qwen3-32b")) for i in range(3000)]
    apart = tuple(replace(HOME, alias=f"m{i}", api_base=f"http://h{i}:11434") for i in range(3000))
    made = audit(of(*rows, deployments=(HOME, *apart)))  # minutes, when each server or name is held against all
    shown = audit_text(made, Style())
    assert shown.count("names gone") == 10
    assert "… and 2990 more (--full)" in shown
    assert audit_text(made, Style(), full=True).count("names gone") == 3000
