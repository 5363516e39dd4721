"""The contract of import on a real LiteLLM with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.contract import MODELS
from tests.contract_import import *  # noqa: F403 - the tests themselves
from tests.proxies import Admin, Endpoint, chat
from tests.support import Place

pytestmark = pytest.mark.real


def test_a_renamed_proxy_keeps_made_and_adopted_keys(
    place: Place, admin: Admin, estate: dict[str, str], replicas: tuple[Endpoint, Endpoint]
) -> None:
    """And a lockfile that is lost afterwards is made again by the marks, which say where each value was born."""
    contexts = [f"--context={model}=32768" for model in MODELS]
    place.run("import", "key.main.web", *contexts, "--yes", code=0)
    node = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n\n[keys.crew]\nmodels = ["qwen3-32b"]\n'
    place.write((place.folder / "fleet.toml").read_text() + node)
    place.apply()
    tokens = {alias: admin.row(alias)["token"] for alias in ("web", "volta", "crew")}
    before = (place.folder / "fleet.toml").read_text()
    now = before.replace("proxies.main", "proxies.llm").replace('proxy = "main"', 'proxy = "llm"')
    now = now.replace("keys.crew", "keys.team-of-ours")
    moved = "".join(
        f'\n[[moved]]\nfrom = "{old}"\nto = "{new}"\n'
        for old, new in (("proxy.main", "proxy.llm"), ("key.crew", "key.team-of-ours"))
    )
    place.write(now + moved)
    out = place.apply()
    assert "proxy.main is proxy.llm now, with 3 keys; every value stays" in out
    assert {alias: admin.row(alias)["token"] for alias in ("web", "volta", "team-of-ours")} == {
        **{alias: tokens[alias] for alias in ("web", "volta")},
        "team-of-ours": tokens["crew"],
    }
    assert chat(replicas[0].url, place.env("volta")["FLEETHUB_KEY_MAIN"], "qwen3-32b")[0] == 200
    assert chat(replicas[0].url, estate["web"], "qwen3-32b")[0] == 200
    place.write(now)
    place.plan_is_empty()
    marks = {alias: admin.row(alias)["metadata"]["fleethub"] for alias in ("volta", "team-of-ours")}  # type: ignore[index]
    assert {(mark["born_proxy"], mark["born"]) for mark in marks.values()} == {("main", "volta"), ("main", "crew")}
