"""``--target`` and ``--exclude`` on a whole fleet: what was asked is done, the rest is said and owed."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.exit import Exit
from fleethub.model.fleet_status import ChangeStatus, FleetStatus
from fleethub.testing.litellm import LiteLLM
from fleethub.views.status import status_text
from fleethub.views.style import Style
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


def test_one_node_of_a_fleet(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as proxy:
        made = fleet(proxy.url).models("one", "two").node("a", "one", labels={"site": "lab"}).node("b", "one")
        place = Place(tmp_path / "fleet", made.node("c", "one", target="ssh://ops@127.0.0.1:9/srv/c").text)
        assert "--target zz names nothing; the nodes are a, b, c" in place.run("apply", "--target", "zz", "-y", code=1)
        out = place.run("apply", "--target", "@site=lab", "-y", code=0)
        assert "taken along, for a target needs it: key.main.a" in out
        assert [len(Admin(proxy.url).rows(name)) for name in "abc"] == [1, 0, 0]
        assert not (place.folder / "nodes/b").exists()
        (summary,) = [line for line in place.json("plan", "--exclude", "c") if line["type"] == "plan"]
        assert summary["left_out"] == ["key.main.c", "node.c"]
        place.apply(code=Exit.PARTIAL)  # c cannot be reached
        since = place.lockfile.applied.at
        shown = place.run("status")
        assert f"(since {since}, just now)" in shown[shown.index("Owed") :]
        place.edit('drift = "repair"', 'drift = "repair"\nunreachable = "fail"')
        place.edit('model = "one"', 'model = "two"')
        before = place.bytes()
        assert 'unreachable = "fail"' in place.run("apply", "-y", code=Exit.ERROR)
        assert place.bytes() == before
        place.run("apply", "-y", "--exclude", "c", code=0)
        assert Admin(proxy.url).row("a")["models"] == ["two"]


def test_what_is_owed_is_shown_with_its_age_and_folded() -> None:
    waits = ("connection timed out",)
    owed = tuple(ChangeStatus(f"node.n{i}", "blocked", waits, "2026-11-20T10:00:00+00:00") for i in range(40))
    fleet_status = FleetStatus("monad", "/", "2026-11-28T10:00:00+00:00", "", 1, "", "", changes=owed)
    line = "  node.n0, node.n1, node.n2, node.n3 and 36 more: connection timed out (since 2026-11-20T10:00:00+00:00, "
    assert status_text(fleet_status, Style(False)).endswith(f"Owed\n{line}8 days)")
