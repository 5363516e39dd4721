"""What a check sees of a fleet: every field that is documented, of its type, and nothing that is a secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from fleethub.checks.fields import CHANGED, FIELDS, GPU, HOP, Field
from fleethub.checks.view import View, view_of
from fleethub.model.plan import Action, PlannedVram
from tests.fleets import Spec, direct, fleet
from tests.world import World, plan, wanted
from tests.world.strategies import specs

SPEC = (
    fleet(ollama="http://gpu.example:11434")
    .backend("other", "http://other.example:11434", proxy="main")
    .model("big", on="gpu", vram="20 GiB")
    .model("small", on="other", vram="4 GiB")
    .model("far", proxy="main", route="openai/far")
    .node("volta", "big", direct("small"), "far", owner="ml", labels={"env": "prod"}, env={"TOKEN": "env:CANARY"})
    .key("volta", max_budget=5, expires="90d", tags=["a"])
    .key("web", models=["far"], allowed_routes=["/v1/*"], team="t-1")
)


def seen(spec: Spec, loads: tuple[PlannedVram, ...] = ()) -> View:
    made = plan(World.of(spec), spec)
    return view_of(spec.fleet, wanted(spec), loads or made.loads, made.changes)


def entry(view: View, about: str, name: str) -> dict[str, Any]:
    return next(one.entry for one in view.subjects[about] if one.entry["name"] == name)


def as_documented(entry: dict[str, Any], fields: dict[str, Field]) -> None:
    assert set(entry) <= set(fields)
    missing = set(fields) - set(entry)
    assert all(fields[name].may_be_unknown for name in missing)
    assert missing == set(entry.get("unknown", ()))
    types = {"text": str, "whole": int, "flag": bool, "labels": dict, "entry": dict}
    for name, value in entry.items():
        kind = fields[name].type
        assert kind == "any" or isinstance(value, types.get(kind, list)), (name, value)


def all_documented(view: View) -> None:
    for about, subjects in view.subjects.items():
        for one in subjects:
            as_documented(one.entry, dict(FIELDS[about]))
    for one in view.subjects["node"]:
        for hop in one.entry["chain"]:
            as_documented(hop, dict(HOP))
    for one in view.subjects["backend"]:
        for gpu in one.entry["gpus"]:
            as_documented(gpu, dict(GPU))
    for one in view.subjects["change"]:
        for field in one.entry["fields"]:
            as_documented(field, dict(CHANGED))
    json.dumps(view.document(), allow_nan=False)


def test_nodes_keys_models_backends_and_changes() -> None:
    view = seen(SPEC)
    all_documented(view)
    volta = entry(view, "node", "volta")
    assert [hop["backends"] for hop in volta["chain"]] == [["gpu"], ["other"], []]
    assert [hop["cloud"] for hop in volta["chain"]] == [False, False, True]
    assert volta["variables"] == ["TOKEN"]
    key = entry(view, "key", "volta")
    assert key["limits"] == {"max_budget": 5}
    assert (key["models"], key["nodes"], key["expires"]) == (["big", "far"], ["volta"], "90d")
    assert entry(view, "key", "web")["routes"] == ["/v1/*"]
    assert entry(view, "model", "small")["nodes"] == ["volta"]
    assert entry(view, "backend", "gpu")["planned"] == 20 << 30
    assert {one.entry["action"] for one in view.subjects["change"]} == {"create"}


def test_what_is_not_known_of_a_backend_is_not_there_and_named() -> None:
    spec = fleet(ollama="http://gpu.example:11434").model("big", on="gpu").node("volta", "big")
    view = seen(spec)
    gpu = entry(view, "backend", "gpu")
    assert gpu["unknown"] == ["fit", "planned"]
    assert gpu["vram"] == 48 << 30
    all_documented(view)


def test_no_secret_and_nothing_that_leads_to_one() -> None:
    text = json.dumps(seen(SPEC).document())
    for word in ("CANARY", "LITELLM_MASTER_KEY", "fleet.seed", "sk-", "fhs"):
        assert word not in text


@given(specs())
def test_of_any_fleet(spec: Spec) -> None:
    view = seen(spec)
    all_documented(view)
    assert not any(one.entry["action"] == Action.RECORD for one in view.subjects["change"])
