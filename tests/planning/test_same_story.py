"""One story, told to the stand-ins by the command line and to the pure world by its fold: the same end each time.

So the fold is no kinder than the handlers, and what is proved on the pure world holds for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleethub.model.observation import Lockfile
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place
from tests.world import Process, World, apply, plan
from tests.world.values import Node

MODELS = ("qwen3-32b", "gemma3-27b", "llama3.1-8b")


def chapters(url: str) -> dict[str, Spec]:
    """Each is one commit in the life of a fleet."""
    first = fleet(url).models(*MODELS).node("volta", "qwen3-32b", "gemma3-27b").node("tilt", "gemma3-27b")
    first = first.key("volta", rpm=60, max_budget=20.0, budget_duration="30d").key("web", models=["llama3.1-8b"])
    swapped = first.node("volta", "llama3.1-8b").key("volta", rpm=60, tpm=900, budget_duration=None)
    shared = swapped.node("tilt", "gemma3-27b", key="volta").table("nodes.volta", files={"fleethub": "GUIDE.md"})
    turned = shared.node("volta", "qwen3-32b", "llama3.1-8b").key("volta", rpm=None, tpm=900, generation=2)
    less = turned.without("nodes", "tilt").without("keys", "web")
    renamed = less.without("nodes", "volta").node("storm", "llama3.1-8b", target="nodes/volta", key="volta")
    return {"first": first, "swapped": swapped, "shared": shared, "turned": turned, "less": less, "renamed": renamed,
            "nothing": less.without("nodes", "volta").without("keys")}  # fmt: skip


def test_every_chapter_ends_alike(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment(m) for m in MODELS], master_key=MASTER, cache_ttl=0.01) as proxy:
        admin = Admin(proxy.url)
        for name, spec in chapters(proxy.url).items():
            place = place if name != "first" else Place(tmp_path / "fleet", "")  # noqa: F821
            world = world if name != "first" else World.of(spec)  # noqa: F821
            place.write(spec.text)
            place.apply()
            world = apply(world, plan(world, spec), lineage=place.lockfile.lineage).world
            alike(world, place, admin, name)
            if name == "swapped":  # somebody's hands, the same on both
                admin.update("volta", models=["gemma3-27b"], aliases={"x": "gemma3-27b"}, rpm_limit=1)
                admin.delete("web")
                (place.folder / "nodes/tilt/openclaw.json").write_text("{}")
                row = {"models": ("gemma3-27b",), "aliases": {"x": "gemma3-27b"}}
                world = world.at_key("volta", limits={**world.key("volta").limits, "rpm_limit": 1}, **row)
                world = world.at_file("nodes/tilt", "openclaw.json", b"{}")
                world = world.at_proxy(lambda p: p.without_key(p.find("web")[0].token))
        admin.http.close()


def test_managed_routes_end_alike(tmp_path: Path) -> None:
    with LiteLLM(master_key=MASTER, cache_ttl=0.01, store_models=True) as proxy:
        spec = fleet(proxy.url, manage_routes=True).models("a", "b").node("volta", "a", "b")
        place, world, admin = Place(tmp_path / "fleet", spec.text), World.of(spec), Admin(proxy.url)
        for chapter in (spec, spec.node("volta", "a").without("models", "b"), spec.without("nodes").without("models")):
            place.write(chapter.text)
            place.apply()
            world = apply(world, plan(world, chapter), lineage=place.lockfile.lineage).world
            alike(world, place, admin, "routes")
            shown = admin.http.get("/model/info").json()["data"]
            assert sorted(m["model_name"] for m in shown) == sorted(d.alias for d in world.proxy.stored)
        admin.http.close()


def alike(world: World, place: Place, admin: Admin, chapter: str) -> None:
    """Keys, files, marks and lockfile are the same in the world and in the place."""
    keys = {
        row.alias: (row.token, sorted(row.models), dict(row.limits), row.blocked, anonymous(row.metadata["fleethub"]))
        for row in world.proxy.keys
    }
    assert keys == {str(row["key_alias"]): key(row) for row in admin.rows()}, chapter
    folders = {f"nodes/{path.name}": node(path) for path in sorted(place.folder.glob("nodes/*"))}
    there = {at: replace(n, mark=anonymous(n.mark), applied={}) for at, n in world.nodes.items()}
    assert there == folders, chapter
    assert nameless(world.lockfile) == nameless(place.lockfile), chapter


def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    limits = {name: row[name] for name in ("rpm_limit", "tpm_limit", "max_budget", "budget_duration")}
    return row["token"], sorted(row["models"]), limits, bool(row["blocked"]), anonymous(row["metadata"]["fleethub"])


def node(folder: Path) -> Node:
    files = {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".fleethub" not in path.parts
    }
    mark = folder / ".fleethub/mark.json"
    nobody: Process | None = None
    return Node(files, anonymous(json.loads(mark.read_text())) if mark.exists() else None, {}, nobody)


def anonymous(mark: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without what is random or a time."""
    return {k: v for k, v in mark.items() if k not in ("apply", "activated")} if mark is not None else None


def nameless(lockfile: Lockfile | None) -> Lockfile | None:
    if lockfile is None:
        return None
    owed = dict.fromkeys(lockfile.owed, "")
    return replace(lockfile, apply="", applied=Lockfile("", "", 0, "").applied, owed=owed)
