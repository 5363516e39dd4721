"""``[[moved]]``: a node with a new name keeps its key's value; no key is made anew, and nobody is denied meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.lockfile.reduce import replay
from fleethub.stores import open_store
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin, chat
from tests.support import MASTER, Place

MOVED = '\n[[moved]]\nfrom = "node.a"\nto = "node.b"\n'


@pytest.mark.parametrize("target", ["nodes/{name}", "nodes/same"])
def test_a_renamed_node_keeps_its_key(tmp_path: Path, target: str) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").node("a", "one", target=target).text)
        place.apply()
        token = admin.row("a")["token"]
        text = (place.folder / "fleet.toml").read_text()
        place.write(text.replace("[nodes.a]", "[nodes.b]") + MOVED)
        nodes = {n["name"]: n for n in place.json("status")[0]["nodes"]}
        assert {name: node["state"] for name, node in nodes.items() if "@was" not in name} == {"b": nodes["b"]["state"]}
        assert [k["name"] for k in place.json("status")[0]["keys"]] == ["b"]
        out = place.run("apply", "-y", code=0)
        assert "key.main.a is key.main.b now; its value stays" in out
        assert (admin.rows("a"), admin.row("b")["token"]) == ([], token)
        folder = target.replace("{name}", "b").removeprefix("nodes/")
        assert chat(proxy.url, place.env(folder)["FLEETHUB_KEY_MAIN"], "one")[0] == 200
        assert not (place.folder / "nodes/a/.env").exists()
        assert {str(a) for a in place.lockfile.resources if a.kind != "route"} == {"key.main.b", "node.b"}
        assert replay(None, open_store(place.folder).events()) == place.lockfile
        out = place.run("plan", "--detailed-exitcode", code=0)
        assert "[[moved]] from node.a to node.b is done, and may be removed" in out
        place.edit(MOVED, "\n")
        place.plan_is_empty()
        assert admin.row("b")["token"] == token


def test_a_rename_that_is_not_what_was_applied_says_so_and_is_no_obstacle(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        both = fleet(proxy.url).models("one").node("a", "one").node("b", "one")
        place = Place(tmp_path / "fleet", both.text)
        place.apply()
        place.write(both.without("nodes", "a").text + MOVED)
        assert "does nothing: both were applied, so node.a is taken down" in place.run("plan", code=0)
        place.write(both.node("c", "one").text + MOVED.replace("node.a", "node.zz").replace("node.b", "node.c"))
        assert "does nothing: no node.zz was applied" in place.run("plan", code=0)
        place.write(both.without("nodes", "a").text.replace("nodes.b", "nodes.c") + MOVED.replace("node.b", "node.c"))
        assert "names nothing; the nodes are b, c" in place.run("plan", "--target", "node.a", code=1)
        assert "the lockfile does not have it" in place.run("plan", "--forget", "node.a", code=1)
        place.run("destroy", "--auto-approve", code=0)
        assert admin.rows("a") == admin.rows("b") == admin.rows("c") == []


def test_a_renamed_key_that_is_rotated_leaves_one_key(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").node("a", "one").text)
        place.apply()
        token = admin.row("a")["token"]
        text = (place.folder / "fleet.toml").read_text().replace("[nodes.a]", "[nodes.b]")
        place.write(text + MOVED + "\n[keys.b]\ngeneration = 2\n")
        out = place.run("apply", "-y", code=0)
        assert "key.main.a is key.main.b now\n" in out.replace(")", "\n")
        assert "did not make stays" not in out
        assert admin.rows("a") == []
        assert admin.row("b")["token"] != token
        place.plan_is_empty()


def test_a_proxy_with_another_name_says_how_to_go_on(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").node("a", "one").text)
        place.apply()
        text = (place.folder / "fleet.toml").read_text()
        place.write(text.replace("proxies.main", "proxies.llm").replace('proxy = "main"', 'proxy = "llm"'))
        out = place.run("plan", code=3)
        assert "the alias 'a' on llm is that of key.main.a, which this fleet made at the same LiteLLM" in out
        assert "call the proxy main as before" in out
        place.edit("[nodes.a]\n", '[nodes.a]\nkey = "b"\n')  # the other way that it names
        place.apply()
        place.plan_is_empty()
        assert [row["key_alias"] for row in Admin(proxy.url).rows()] == ["b"]
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_LLM"], "one")[0] == 200


def test_an_alias_is_renamed_without_moved_and_nobody_is_denied(tmp_path: Path) -> None:
    rows = [deployment("one"), {**deployment("uno"), "litellm_params": deployment("one")["litellm_params"]}]
    with LiteLLM(models=rows, master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").node("a", "one").text)
        place.apply()
        token, value = Admin(proxy.url).row("a")["token"], place.env("a")["FLEETHUB_KEY_MAIN"]
        place.write(
            (place.folder / "fleet.toml").read_text().replace("models.one", "models.uno").replace('"one"', '"uno"')
        )
        out = place.apply()
        order = [line.split()[-1] for line in out.splitlines() if line.startswith("  ✓")]
        assert order.index("key.main.a/prove") < order.index("node.a/deliver") < order.index("key.main.a/contract")
        place.plan_is_empty()
        assert (Admin(proxy.url).row("a")["token"], chat(proxy.url, value, "uno")[0]) == (token, 200)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("node.b", "node.b", "is in the spec"),
        ("node.a", "node.zz", 'there is no node "zz"'),
        ("nodes.a", "node.b", "is for nodes and consumers: node.NAME"),
        ("model.one", "model.uno", "an alias needs none: once the proxy has the new name beside the old one"),
        ("proxy.main", "proxy.llm", "a proxy keeps its name"),
        ("node.z", "node.z", "one block says all of it"),
        ("node.z", "consumer.b", "a rename stays of its kind"),
        ("consumer.z", "consumer.b", 'there is no consumer "b"'),
        ("consumer.", "node.b", "is for nodes and consumers"),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = fleet().models("one").node("b", "one").text + f'\n[[moved]]\nfrom = "{old}"\nto = "{new}"\n'
    out = Place(tmp_path / "fleet", text).run("validate", code=1)
    assert says in out
    assert "fleet.toml:" in out
