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
