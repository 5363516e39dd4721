"""``[[moved]]``: a node with a new name keeps its key's value; no key is made anew, and nobody is denied meanwhile."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from fleethub.lockfile.reduce import replay
from fleethub.model.address import Address
from fleethub.stores import open_store
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Library, Ollama
from tests.fleets import deployment, fleet
from tests.proxies import Admin, chat
from tests.support import MASTER, Place

MOVED = '\n[[moved]]\nfrom = "node.a"\nto = "node.b"\n'


@pytest.mark.parametrize("target", ["nodes/{name}", pytest.param("nodes/same", marks=pytest.mark.long)])
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


def test_a_renamed_node_that_is_held_back_was_renamed_all_the_same(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).models("one", "two")
        place = Place(tmp_path / "fleet", spec.node("a", "one").text)
        place.apply()
        place.write(spec.node("b", "two").text + MOVED)  # the proxy has no such model
        place.run("apply", "-y")
        assert "from node.a to node.b is done, and may be removed" in place.run("plan")
        place.write(spec.node("b", "one").text)
        place.apply()
        assert not (place.folder / "nodes/a/.env").exists()


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


def moved(*pairs: tuple[str, str]) -> str:
    return "".join(f'\n[[moved]]\nfrom = "{old}"\nto = "{new}"\n' for old, new in pairs)


def with_proxy(text: str, old: str, new: str) -> str:
    """The spec with the proxy under another name."""
    return text.replace(f"proxies.{old}", f"proxies.{new}").replace(f'proxy = "{old}"', f'proxy = "{new}"')


def test_a_proxy_with_another_name_says_how_to_go_on_and_that_keeps_every_value(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        spec = fleet(proxy.url).models("one").node("a", "one").key("team", models=["one"])
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        tokens = {row["key_alias"]: row["token"] for row in admin.rows()}
        place.write(with_proxy(spec.text, "main", "llm"))
        out = place.run("plan", code=3)
        assert "the alias 'a' on llm is that of key.main.a, which this fleet made at the same LiteLLM" in out
        hint = '[[moved]] with from = "proxy.main" and to = "proxy.llm"'
        assert hint in out
        assert f"by another name: {hint} keeps it" in out
        assert f"by another name: {hint} keeps it" in place.run("plan", "--offline")
        place.run("apply", "-y")
        assert {row["key_alias"]: row["token"] for row in admin.rows()} == tokens
        files = {path: path.read_bytes() for path in (place.folder / "nodes/a").glob("*.*") if path.is_file()}
        place.write(with_proxy(spec.text, "main", "llm") + moved(("proxy.main", "proxy.llm")))  # as it says
        assert "proxy.main is proxy.llm now, with 2 keys" in place.run("plan", "--offline", code=0)
        out = place.run("apply", "-y", code=0)
        assert "proxy.main is proxy.llm now, with 2 keys; every value stays" in out
        assert "creates" not in out.lower()
        assert "nothing is deleted" in out
        assert {row["key_alias"]: row["token"] for row in admin.rows()} == tokens
        assert {row["metadata"]["fleethub"]["born_proxy"] for row in admin.rows()} == {"main"}
        assert {path: path.read_bytes() for path in files} == files, "no node is started anew for a name"
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_MAIN"], "one")[0] == 200
        assert replay(None, open_store(place.folder).events()) == place.lockfile
        says = "[[moved]] from proxy.main to proxy.llm is done, and may be removed"
        assert says in place.run("plan", "--detailed-exitcode", code=0)
        place.write(spec.text)  # as a clone has it that lacks the rename: it takes nothing away, and is told why
        assert "git pull, if another clone renamed the proxy" in place.run("apply", "-y")
        assert {row["key_alias"]: row["token"] for row in admin.rows()} == tokens
        place.write(with_proxy(spec.text, "main", "llm"))
        place.plan_is_empty()

        place.run("rotate", "a", "--yes", code=0)  # a new value goes on from where the key was born
        place.apply()
        assert admin.row("a")["token"] != tokens["a"]
        assert place.lockfile.generations[Address.parse("key.main.a")] == 2
        place.plan_is_empty()

        text = (place.folder / "fleet.toml").read_text()
        (place.folder / "fleet.lock").unlink()  # the marks tell what the values are derived from
        place.run("state", "rebuild", "--yes", code=0)
        place.plan_is_empty()
        assert {str(a) for a in place.lockfile.resources if a.kind == "key"} == {"key.llm.a", "key.llm.team"}

        rotated = admin.row("a")["token"]
        place.write(with_proxy(text, "llm", "main") + moved(("proxy.llm", "proxy.main")))  # and back
        place.apply()
        assert admin.row("a")["token"] == rotated
        assert all(not r.born and not r.born_proxy for r in place.lockfile.resources.values())
        place.write(with_proxy(text, "llm", "main"))
        place.plan_is_empty()


def test_a_proxy_with_another_name_and_url_loses_nothing_before_it_is_said(tmp_path: Path) -> None:
    """What is seen by both URLs is one thing, and where the new one is not read that is not known."""
    with LiteLLM(models=[], master_key=MASTER, cache_ttl=0.01, store_models=True) as proxy:
        admin = Admin(proxy.url)
        spec = fleet(proxy.url, manage_routes=True).models("one").key("team", models=["one"])
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()

        def lives() -> tuple[list[object], list[str]]:
            stored = admin.http.get("/model/info").json()["data"]
            return [row["token"] for row in admin.rows()], [row["model_info"]["id"] for row in stored]

        before = lives()
        assert [len(one) for one in before] == [1, 1]
        text = with_proxy(spec.text, "main", "llm").replace(proxy.url, proxy.url.replace("127.0.0.1", "localhost"))
        place.write(with_proxy(spec.text, "main", "llm").replace(proxy.url, "http://127.0.0.1:1"))
        assert "whether it is key.llm.team by another name is not known" in place.run("apply", "-y")
        place.write(text)
        out = place.run("apply", "-y")
        assert "the alias 'team' on llm is that of key.main.team, which this fleet made at the same LiteLLM" in out
        assert "value: new (generation 1, from another name)" in out
        hint = '[[moved]] with from = "proxy.main" and to = "proxy.llm" keeps it'
        assert f"key.llm.team by another name: {hint}" in out
        assert f"route.llm.one by another name: {hint}" in out
        assert lives() == before

        place.run("import", "key.llm.team", "--yes", code=0)  # recorded by both names, it is one key all the same
        assert "nothing is deleted" in place.run("apply", "-y", code=0)
        place.plan_is_empty()
        assert lives() == before
        assert {str(address) for address in place.lockfile.resources} == {"key.llm.team", "route.llm.one"}


def test_a_diff_tells_a_key_that_was_renamed_at_another_url_as_one(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).models("one").key("team", models=["one"])
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        text = with_proxy(spec.text, "main", "llm").replace(proxy.url, proxy.url.replace("127.0.0.1", "localhost"))
        place.write(text + moved(("proxy.main", "proxy.llm")))
        place.apply()
        out = place.run("diff", "1", code=0)
        assert "1 resource changed" in out
        assert "address: key.main.team → key.llm.team" in out
        assert "born" not in out


def test_proxy_node_key_and_backend_are_renamed_at_once(tmp_path: Path) -> None:
    model = next(one for one in ALL if one["name"] == "llama3.1:8b")
    with (
        LiteLLM(models=[deployment("llama3.1-8b")], master_key=MASTER, cache_ttl=0.01) as proxy,
        Ollama([], library=Library({model["name"]: model})) as ollama,
    ):
        admin = Admin(proxy.url)
        made = fleet(proxy.url, ollama=ollama.url).model("llama3.1-8b", pull=True, params="8B")
        spec = made.node("a", "llama3.1-8b", target="nodes/same").key("team", models=["llama3.1-8b"])
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        tokens, pulled = {row["token"] for row in admin.rows()}, dict(ollama.models)
        text = with_proxy(spec.text, "main", "llm").replace("nodes.a]", "nodes.b]").replace("keys.team", "keys.crew")
        text = text.replace("backends.gpu", "backends.big").replace('backends = ["gpu"]', 'backends = ["big"]')
        names = [("proxy", "main", "llm"), ("node", "a", "b"), ("key", "team", "crew"), ("backend", "gpu", "big")]
        backend = spec.text.replace("backends.gpu", "backends.big").replace('backends = ["gpu"]', 'backends = ["big"]')
        place.write(backend)  # without a word of it nothing that lives on is taken away
        place.run("apply", "-y")
        assert ollama.models == pulled
        assert {str(a) for a in place.lockfile.resources if a.kind == "model"} == {"model.gpu.llama3.1:8b"}
        place.write(spec.text)
        place.apply()
        place.write(text + moved(*((f"{kind}.{old}", f"{kind}.{new}") for kind, old, new in names)))
        out = place.run("plan", code=0)
        assert "backend.gpu is backend.big now, with 1 model)" in out
        for old, new in (("a", "b"), ("team", "crew")):
            assert f"key.main.{old} is key.llm.{new} now; its value stays" in out
        assert "nothing is deleted" in out
        place.apply()
        assert ({row["token"] for row in admin.rows()}, ollama.models) == (tokens, pulled)
        assert {row["key_alias"] for row in admin.rows()} == {"b", "crew"}
        assert {*place.lockfile.planned} == {"big"}
        expected = {"key.llm.b", "key.llm.crew", "model.big.llama3.1:8b", "node.b"}
        assert {str(address) for address in place.lockfile.resources} == expected
        place.write(text)
        place.plan_is_empty()
        place.write(fleet(proxy.url, ollama=ollama.url).text)
        place.apply()
        assert (admin.rows(), ollama.models) == ([], {})


def test_a_backend_alone_is_renamed_in_the_lockfile(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy, Ollama([]) as ollama:
        spec = fleet(proxy.url, ollama=ollama.url).model("one", params="8B").node("a", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        text = spec.text.replace("backends.gpu", "backends.big").replace('"gpu"', '"big"')
        place.write(text + moved(("backend.gpu", "backend.big")))
        assert "backend.gpu is backend.big now" in place.run("apply", "-y", code=0)
        assert {*place.lockfile.planned} == {"big"}
        assert replay(None, open_store(place.folder).events()) == place.lockfile
        assert "is done, and may be removed" in place.run("plan", "--detailed-exitcode", code=0)


def test_a_rollback_gives_the_old_names_back_and_keeps_every_value(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        spec = fleet(proxy.url).models("one").node("a", "one").key("team", models=["one"])
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        tokens = {row["key_alias"]: row["token"] for row in admin.rows()}
        names = [
            ("proxy.main", "proxy.mid"),
            ("proxy.mid", "proxy.llm"),
            ("node.a", "node.b"),
            ("key.team", "key.crew"),
        ]
        text = with_proxy(spec.text, "main", "llm").replace("nodes.a]", "nodes.b]").replace("keys.team", "keys.crew")
        place.write(text + moved(*names))
        place.apply()
        assert {row["key_alias"] for row in admin.rows()} == {"b", "crew"}
        out = place.run("rollback", "1", "-y", code=0)
        assert "proxy.llm is proxy.main now, with 2 keys; every value stays" in out
        assert {row["key_alias"]: row["token"] for row in admin.rows()} == tokens
        assert {str(a) for a in place.lockfile.resources} == {"key.main.a", "key.main.team", "node.a"}
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_MAIN"], "one")[0] == 200
        assert "[[moved]] from node.b to node.a is done" in place.run("plan", "--detailed-exitcode", code=0)
        place.write(spec.text)
        place.plan_is_empty()


def test_names_in_a_row_lead_to_the_last_from_whichever_was_applied(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        spec = fleet(proxy.url).models("one").node("a", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        token = admin.row("a")["token"]
        nodes, proxies = ("node.a", "node.b", "node.c"), ("proxy.main", "proxy.llm", "proxy.top")
        rows = moved(*pairwise(nodes), *pairwise(proxies))
        place.write(with_proxy(spec.text, "main", "top").replace("nodes.a]", "nodes.c]") + rows)
        place.apply()
        assert [(row["key_alias"], row["token"]) for row in admin.rows()] == [("c", token)]
        assert {str(a) for a in place.lockfile.resources} == {"key.top.c", "node.c"}
        out = place.run("plan", "--detailed-exitcode", code=0)
        assert out.count("is done, and may be removed") == 4


def test_the_old_name_of_a_proxy_may_be_another_one_s(tmp_path: Path) -> None:
    """Its keys have other values than those that were born under that name, which live on."""
    with (
        LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy,
        LiteLLM(models=[deployment("two")], master_key=MASTER, cache_ttl=0.01) as other,
    ):
        spec = fleet(proxy.url).models("one").node("a", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        token = Admin(proxy.url).row("a")["token"]
        text = with_proxy(spec.text, "main", "llm") + moved(("proxy.main", "proxy.llm"))
        place.write(text)
        place.apply()
        both = spec.table("proxies.main", url=other.url).proxy("llm", proxy.url).model("one", proxy="llm").model("two")
        place.write(both.node("a", "one", "two").text)
        place.apply()
        assert Admin(proxy.url).row("a")["token"] == token != Admin(other.url).row("a")["token"]
        env = place.env("a")
        assert chat(proxy.url, env["FLEETHUB_KEY_LLM"], "one")[0] == 200
        assert chat(other.url, env["FLEETHUB_KEY_MAIN"], "two")[0] == 200
        place.plan_is_empty()


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
        ("node.b", "node.c", "is in the spec"),
        ("node.a", "node.zz", 'there is no node "zz"'),
        ("nodes.a", "node.b", "[[moved]] is for node.NAME, consumer.NAME, proxy.NAME"),
        ("model.one", "model.uno", "an alias needs none: once the proxy has the new name beside the old one"),
        ("proxy.main", "proxy.llm", "proxy.main is in the spec"),
        ("proxy.old", "proxy.llm", 'there is no proxy "llm"'),
        ("key.b", "key.c", "key.b is in the spec: it is that of node.b"),
        ("key.z", "key.c", 'there is no key "c"'),
        ("backend.z", "backend.y", 'there is no backend "y"'),
        ("node.z", "node.z", "is renamed to itself"),
        ("node.z", "consumer.b", "a rename stays of its kind"),
        ("consumer.z", "consumer.b", 'there is no consumer "b"'),
        ("consumer.", "node.b", "[[moved]] is for node.NAME"),
        ("node.z@was", "node.b", '"node.z@was" is the name of an old place'),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = fleet().models("one").node("b", "one").text + f'\n[[moved]]\nfrom = "{old}"\nto = "{new}"\n'
    out = Place(tmp_path / "fleet", text).run("validate", code=1)
    assert says in out
    assert "fleet.toml:" in out


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("node.x", "node.y"), ("node.y", "node.x")], "leads back to itself"),
        ([("node.b", "node.c"), ("node.c", "node.b")], "two names are swapped over a third one"),
        ([("node.x", "node.b"), ("node.y", "node.b")], "node.b is in another [[moved]] too"),
        ([("node.x", "node.b"), ("node.x", "node.c")], "node.x is in another [[moved]] too"),
        ([("node.x", "node.y"), ("node.y", "node.z")], 'there is no node "z"'),
    ],
)
def test_names_that_lead_nowhere_or_to_two_are_errors(tmp_path: Path, pairs: list[tuple[str, str]], says: str) -> None:
    text = fleet().models("one").node("b", "one").node("c", "one").text + moved(*pairs)
    assert says in Place(tmp_path / "fleet", text).run("validate", code=1)


def test_thousands_of_names_in_a_row_are_as_good_as_two(tmp_path: Path) -> None:
    names = [*(f"node.n{n}" for n in range(1100)), "node.b"]
    place = Place(tmp_path / "fleet", fleet().models("one").node("b", "one").text + moved(*pairwise(names)))
    place.run("validate", code=0)
    place.edit('to = "node.b"', 'to = "node.n0"')
    assert "node.n7 leads back to itself" in place.run("validate", code=1)


@pytest.mark.parametrize("rest", [moved(("node.a", "node.b")), ""], ids=["with the block", "after it"])
def test_a_block_of_a_key_that_nobody_has_is_told(tmp_path: Path, rest: str) -> None:
    text = fleet().models("one").node("b", "one").key("a", rpm=60).text + rest
    place = Place(tmp_path / "fleet", text)
    out = place.run("validate", code=0)
    line = 1 + text.splitlines().index("[keys.a]")
    assert f"fleet.toml:{line}:" in out
    assert 'warning key.unused: no node has the key "a", and its block names no models' in out
    said = "write [keys.b] here" if rest else "take [keys.a] out"
    assert said in out
    place.write(text.replace("[keys.a]", "[keys.b]"))
    assert "key.unused" not in place.run("validate", code=0)
