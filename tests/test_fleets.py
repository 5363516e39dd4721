"""The builder's fleets are fleets, and say what they were told."""

from __future__ import annotations

import tomllib

from tests.fleets import direct, fleet


def test_two_lines_are_a_fleet() -> None:
    found = fleet().node("volta", "qwen3-32b", "gemma3-27b").key("volta", rpm=60).fleet
    assert [str(hop) for hop in found.nodes["volta"].chain] == ["qwen3-32b", "gemma3-27b"]
    assert found.models["qwen3-32b"].proxy == "main"
    assert found.keys["volta"].limits == {"rpm_limit": 60}


def test_models_are_on_the_backend_where_there_is_one() -> None:
    found = fleet(ollama="http://gpu:11434").node("a", "qwen3-32b", direct("llama3.1-8b")).fleet
    assert found.models["llama3.1-8b"].tag == "llama3.1:8b"
    assert found.models["qwen3-32b"].backends == ("gpu",)
    assert found.nodes["a"].chain[1].direct


def test_the_text_is_the_doc() -> None:
    made = fleet(("http://one:1", "http://two:2"), revoked="restore", processes=2).model("llama3.1", vram="1 GiB")
    made = made.node("a", "llama3.1", labels={"by": 'a "b"'}).key("web", models=["llama3.1"], max_budget=0.5)
    assert tomllib.loads(made.text) == made.doc
    assert made.fleet.proxies["main"].endpoints == ("http://one:1", "http://two:2")
    assert made.without("nodes", "a").fleet.nodes == {}
    assert made.table("nodes.a", labels=None).fleet.nodes["a"].labels == {}
