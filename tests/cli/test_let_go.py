"""What is gone for good: a machine, a backend, a lockfile's memory of a key."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


def test_a_machine_that_died_is_released_with_its_files_abandoned_and_an_orphan_is_pruned(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        spec = fleet(proxy.url).models("one").node("a", "one").node("b", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        dead = "ssh://ops@127.0.0.1:9/srv/b"  # the machine is gone: as if it had been applied there
        lock = place.folder / "fleet.lock"
        lock.write_text(lock.read_text().replace('"nodes/b"', f'"{dead}"'))
        place.edit('host = "b"', f'host = "b"\ntarget = "{dead}"')
        assert "the spec has it" in place.run("apply", "-y", "--forget", "b", code=Exit.ERROR)
        out = place.run("release", "b", "--abandon-files", "--yes", code=0)
        assert "fleethub apply --forget node.b lets it go" in out
        assert "node.b is let go unseen" in out  # in the plan that would follow
        place.run("apply", "-y", code=Exit.ERROR)
        assert len(admin.rows("b")) == 1
        place.run("apply", "-y", "--forget", "node.b", code=0)
        assert admin.rows("b") == []
        place.plan_is_empty()
        admin.generate(key_alias="stray", models=["one"], metadata=admin.row("a")["metadata"])
        admin.generate(key_alias="by-hand", models=["one"])
        assert "fleethub apply --prune deletes it" in place.run("plan", code=0)
        place.run("apply", "-y", "--prune", code=0)
        assert (admin.rows("stray"), len(admin.rows("by-hand")), len(admin.rows("a"))) == ([], 1, 1)
        assert "key.orphan" not in place.run("plan", "--detailed-exitcode", code=0)


def test_a_backend_that_is_taken_out_of_the_spec_says_who_uses_it(tmp_path: Path) -> None:
    spec = fleet(None, ollama="http://127.0.0.1:9").model("one")
    for number in range(14):
        spec = spec.node(f"n{number:02}", {"model": "one", "via": "ollama"})
    out = Place(tmp_path / "fleet", spec.without("backends", "gpu").backend("gpu-1").text).run("validate", code=1)
    assert 'there is no backend "gpu", and one is used by 14 nodes: n00, n01, n02, n03, n04, n05 …' in out


def test_a_key_whose_rotation_is_not_at_its_end_is_let_go_of_with_both_values_and_with_its_own_alias(
    tmp_path: Path,
) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        for name in ("web", "chat"):
            admin.generate(key_alias=name, models=["one"], rpm_limit=7)
        spec = fleet(proxy.url).models("one").key("web", models=["one"], rpm=7).key("chat", models=["one"], rpm=7)
        place = Place(tmp_path / "fleet", spec.text)
        place.run("import", "key.main.web", "key.main.chat", "--yes", code=0)
        place.edit("rpm = 7", "rpm = 7\ngeneration = 2")
        place.edit("[keys.chat]", "[keys.chat]\ngeneration = 2")
        place.run("apply", "-y")
        tokens = {str(row["token"]) for row in admin.rows()}
        assert {row["key_alias"] for row in admin.rows()} == {"web", "web--g2", "chat", "chat--g2"}
        admin.delete("chat")
        place.write(spec.without("keys").text)
        out = place.run("apply", "-y", "--forget", "key.main.web", "--forget", "key.main.chat", code=0)
        assert "keeps its two values, for its rotation is not at its end: the new one is 'web--g2' there" in out
        left = {str(row["key_alias"]): row for row in admin.rows()}
        assert {str(row["token"]) for row in left.values()} < tokens
        assert {name: (row["rpm_limit"], row["metadata"]) for name, row in left.items()} == {
            name: (7, {}) for name in ("web", "web--g2", "chat")
        }
        place.plan_is_empty()


def test_of_three_values_whose_first_is_gone_the_newest_is_let_go_of_by_the_alias_of_all(tmp_path: Path) -> None:
    """The one between keeps its own name, under which somebody may look for it."""
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        admin.generate(key_alias="web", models=["one"])
        spec = fleet(proxy.url).models("one").key("web", models=["one"], generation=1)
        place = Place(tmp_path / "fleet", spec.text)
        place.run("import", "key.main.web", "--yes", code=0)
        for before in (1, 2):
            place.edit(f"generation = {before}", f"generation = {before + 1}")
            place.run("apply", "-y")
        tokens = {str(row["key_alias"]): str(row["token"]) for row in admin.rows()}
        assert tokens.keys() == {"web", "web--g2", "web--g3"}
        admin.delete("web")
        place.write(spec.without("keys").text)
        place.run("apply", "-y", "--forget", "key.main.web", code=0)
        left = {str(row["key_alias"]): (str(row["token"]), row["metadata"]) for row in admin.rows()}
        assert left == {"web": (tokens["web--g3"], {}), "web--g2": (tokens["web--g2"], {})}
        place.plan_is_empty()


def test_a_lockfile_that_is_lost_amid_the_rotation_of_an_adopted_key_loses_neither_value(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        admin.generate(key_alias="web", models=["one"])
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").key("web", models=["one"]).text)
        place.run("import", "key.main.web", "--yes", code=0)
        place.edit("[keys.web]", "[keys.web]\ngeneration = 2")
        place.run("apply", "-y")
        tokens = {str(row["token"]) for row in admin.rows()}
        (place.folder / "fleet.lock").unlink()
        place.run("state", "rebuild", "--yes", code=0)
        out = place.run("apply", "-y", code=3)
        assert "the key 'web' on main is called 'web--g2' there, and a key that fleet.lock does not know has its" in out
        assert {str(row["token"]) for row in admin.rows()} == tokens
        assert "rename that other key in LiteLLM (its value works on)" in out
        admin.update("web", key_alias="web-old")
        place.apply()
        place.plan_is_empty()
        assert {row["key_alias"]: str(row["token"]) for row in admin.rows()}.keys() == {"web", "web-old"}
        assert {str(row["token"]) for row in admin.rows()} == tokens
