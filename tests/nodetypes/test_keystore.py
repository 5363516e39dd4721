"""Where a gateway's key may have a file of its own, what the config says of it, and how it is told and asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fleethub import nodetypes
from fleethub.model.finding import Severity
from fleethub.model.readings.host import HostReading
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, direct, fleet
from tests.proxies import chat
from tests.support import MASTER, Place

TARGET = "ssh://ops@{host}/srv/{name}"
FAR = fleet().models("one", "two").table("defaults.node", target=TARGET, key_store="file")
DOCKER, NATIVE = FAR.node("a", "one", "two"), FAR.node("a", "one", "two", type="openclaw-native")
CONF = {"openclaw": "conf/openclaw.json"}


def files(spec: Spec) -> dict[str, str]:
    return {file.path: file.text.display() for file in spec.rendered["a"].files}


def kind_of(spec: Spec) -> tuple[nodetypes.NodeType, Any]:
    node = spec.fleet.nodes["a"]
    kind = nodetypes.of(node)
    assert kind is not None
    return kind, node


@pytest.mark.parametrize(
    ("spec", "path", "seen"),
    [
        (DOCKER, "openclaw.key", "/etc/openclaw/openclaw.key"),
        (DOCKER.table("nodes.a", files=CONF), "conf/openclaw.key", "/etc/openclaw/openclaw.key"),
        (DOCKER.table("nodes.a", files={"key": "mine.key"}), "mine.key", "/etc/openclaw/mine.key"),
        (NATIVE, "openclaw.key", "/srv/a/openclaw.key"),
        (NATIVE.table("nodes.a", files=CONF), "openclaw.key", "/srv/a/openclaw.key"),
    ],
    ids=["docker", "docker in a folder", "named", "native", "native in a folder"],
)
def test_the_config_names_the_file_where_the_process_sees_it(spec: Spec, path: str, seen: str) -> None:
    found = files(spec)
    config = json.loads(next(text for name, text in found.items() if name.endswith(".json")))
    assert config["secrets"]["providers"] == {"fleethub": {"source": "file", "path": seen, "mode": "singleValue"}}
    for provider in config["models"]["providers"].values():
        assert provider["apiKey"] == {"source": "file", "provider": "fleethub", "id": "value"}
    assert found[path] == "(sensitive)\n"
    assert "FLEETHUB_KEY" not in found[".env"]
    (key,) = (file for file in spec.rendered["a"].files if file.path == path)
    assert (key.mode, key.of.process, key.of.told) == (0o600, True, True)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (DOCKER.table("nodes.a", manage="wiring"), "how its folder is mounted is its operator's"),
        (NATIVE.table("nodes.a", manage="wiring"), "the gateway's own environment, which is its operator's"),
        (NATIVE.table("nodes.a", target="nodes/a"), "which nodes/a has on each machine another"),
        (DOCKER.table("nodes.a", files={**CONF, "key": "openclaw.key"}), "does not see"),
        (
            FAR.proxy("other", "http://other.example:4000").model("far", proxy="other").node("a", "one", "far"),
            "has room for the key of one proxy",
        ),
    ],
    ids=[
        "somebody else's mounts",
        "somebody else's config",
        "a folder without a container",
        "not mounted",
        "two proxies",
    ],
)
def test_where_it_cannot_be_is_said(spec: Spec, says: str) -> None:
    found = spec.rendered["a"].findings
    assert any(says in one.message and one.severity is Severity.ERROR for one in found), found


def test_a_folder_of_the_fleet_has_it_too_and_whoever_runs_it_is_told_what_to_type(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        made = fleet(proxy.url).models("one").node("a", "one", key_store="file", uid=os.getuid() or 1000)
        place = Place(tmp_path / "fleet", made.text)
        place.apply()
        file = place.folder / "nodes/a/openclaw.key"
        first = file.read_text().strip()
        assert oct(file.stat().st_mode) == "0o100600"
        assert chat(proxy.url, first, "one")[0] == 200
        assert "FLEETHUB_KEY_MAIN" not in place.env("a")
        config = json.loads((place.folder / "nodes/a/openclaw.json").read_text())
        assert config["secrets"]["providers"]["fleethub"]["path"] == "/etc/openclaw/openclaw.key"
        place.plan_is_empty()
        place.run("rotate", "a", "--yes", code=0)
        assert "read by `openclaw secrets reload`, which whoever runs it types" in place.run("plan", code=0)
        place.apply()
        assert file.read_text().strip() != first
        place.edit('key_store = "file"\n', "")
        place.apply()
        assert not file.exists()
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_MAIN"], "one")[0] == 200
        place.plan_is_empty()


def test_a_file_that_the_container_cannot_read_is_told(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        made = fleet(proxy.url).models("one").node("a", "one", key_store="file", uid=os.getuid() or 1000)
        place = Place(tmp_path / "fleet", made.text)
        place.apply()
        mine = (place.folder / "nodes/a/openclaw.key").stat().st_uid
        place.edit(f"uid = {mine}", f"uid = {mine + 1}")
        assert f"nodes/a/openclaw.key belongs to uid {mine}: the node, as {mine + 1}, cannot read it" in place.run(
            "plan"
        )


def test_another_type_has_no_such_store() -> None:
    spec = fleet().models("one").node("a", "one", type="envfile", key_store="file")
    assert [f.code for f in spec.loaded.findings] == ["spec.unknown-key"]


def test_the_spec_may_not_set_what_leads_to_the_file() -> None:
    taken: dict[str, Any] = {"secrets": {"providers": {"fleethub": {"source": "env"}}}}
    mine: dict[str, Any] = {"secrets": {"providers": {"vault": {"source": "env"}}}}
    assert [f.code for f in DOCKER.table("nodes.a", openclaw=taken).loaded.findings] == ["node.owned-path"]
    config = json.loads(files(DOCKER.table("nodes.a", openclaw=mine))["openclaw.json"])
    assert {*config["secrets"]["providers"]} == {"fleethub", "vault"}


@pytest.mark.parametrize(("spec", "begins"), [(DOCKER, ("docker", "compose")), (NATIVE, ("sh", "-c"))])
def test_it_is_told_and_asked_by_openclaws_own_command_line(spec: Spec, begins: tuple[str, str]) -> None:
    kind, node = kind_of(spec)
    tell, turns = kind.tell(node), kind.turns(node)
    assert tell is not None
    assert (tell.argv[:2], tell.argv[-3:]) == (begins, ("secrets", "reload", "--json"))
    assert dict(tell.says) == {"ok": True, "warningCount": 0}
    assert [turn.argv[turn.argv.index("--model") + 1] for turn in turns] == ["fleethub-1/one", "fleethub-2/two"]


def test_a_way_round_the_proxy_proves_no_key() -> None:
    spec = fleet(ollama="http://gpu:11434").table("defaults.node", target=TARGET, key_store="file")
    kind, node = kind_of(spec.node("a", direct("qwen3-32b"), "gpt-oss-20b"))
    assert [turn.name for turn in kind.turns(node)] == ["a turn with gpt-oss-20b"]


@pytest.mark.parametrize(("store", "codes"), [("env", set[str]()), ("file", {"node.config-check"})])
def test_a_container_of_another_user_than_the_login_cannot_read_it(store: str, codes: set[str]) -> None:
    kind, node = kind_of(DOCKER.table("nodes.a", key_store=store))
    reading = HostReading(True, tools={"docker": "", "compose": "2"}, uid=1234)
    found = kind.machine(node, reading, True)
    assert {f.code for f in found if f.severity is Severity.ERROR} == codes
