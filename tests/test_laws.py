"""The laws on random fleets: plan after apply is empty or blocked, the journal replays, nothing ever is a traceback."""

from __future__ import annotations

import json
import shutil
import tempfile
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fleethub.lockfile.reduce import replay
from fleethub.model.exit import Exit
from fleethub.stores import journal
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place

ALIASES = ("qwen3-32b", "gpt-oss-20b", "gpt-oss-120b", "llama3.1-8b")
TAGS = {
    "qwen3-32b": "qwen3:32b",
    "gpt-oss-20b": "gpt-oss:20b",
    "gpt-oss-120b": "gpt-oss:120b",
    "llama3.1-8b": "llama3.1:8b",
}


def head(proxy: str, ollama: str, **policy: str) -> str:
    """The part of a spec that stays: one proxy, one Ollama, where nodes are."""
    return fleet(proxy, ollama=ollama, name="laws", **{"revoked": "stop", "overcommit": "refuse-new", **policy}).text


class World:
    """One proxy and one Ollama for a whole test; each example starts them clean."""

    def __init__(self) -> None:
        self.ollama = Ollama(models=ALL)
        routes = [deployment(alias, self.ollama.url) for alias in ALIASES]
        self.proxy = LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01)
        self.admin = Admin(self.proxy.url)
        self._kept = Path(tempfile.mkdtemp(prefix="fleethub-world-"))
        self._applied: dict[str, tuple[Path, dict[str, Any]]] = {}

    def place(self, folder: Path, rest: str) -> Place:
        """A fleet's folder below ``folder``, with ``rest`` after the usual head; nothing of earlier tests is left."""
        self.admin.wipe()
        return Place(folder / "fleet", head(self.proxy.url, self.ollama.url) + rest)

    def applied(self, folder: Path, rest: str) -> Place:
        """The same after an apply, which is made once: the others get a copy of what came of it."""
        if rest not in self._applied:
            made = self.place(self._kept / str(len(self._applied)), rest)
            made.apply()
            self._applied[rest] = (made.folder, deepcopy(self.proxy.database.keys))
        made_folder, keys = self._applied[rest]
        self.admin.wipe()
        with self.proxy.database.lock:
            self.proxy.database.keys.update(deepcopy(keys))
        shutil.copytree(made_folder, folder / "fleet")
        return Place(folder / "fleet", (made_folder / "fleet.toml").read_text())

    def stop(self) -> None:
        self.admin.http.close()
        self.proxy.stop()
        self.ollama.stop()
        shutil.rmtree(self._kept)


chains = st.lists(st.sampled_from(ALIASES), min_size=1, max_size=3, unique=True)
limits = st.fixed_dictionaries(
    {}, optional={"rpm": st.integers(1, 99), "max_budget": st.floats(0, 9), "budget_duration": st.just('"30d"')}
)


@st.composite
def fleets(draw: st.DrawFn) -> str:
    """The changing part of a spec: models, nodes, keys."""
    lines = []
    for alias, tag in TAGS.items():
        lines += [f'[models."{alias}"]', 'backends = ["gpu"]', f'route = "ollama_chat/{tag}"', "context = 32768"]
    nodes = draw(st.dictionaries(st.sampled_from("abc"), chains, max_size=3))
    for name, (first, *rest) in sorted(nodes.items()):
        lines += [f"[nodes.{name}]", f'host = "{name}"', f'model = "{first}"', f"fallbacks = {json.dumps(rest)}"]
        if draw(st.booleans()):
            lines.append('key = "shared"')
        if draw(st.booleans()):
            lines.append('files = { fleethub = "workspace/FLEETHUB.md" }')
    for name in sorted(draw(st.sets(st.sampled_from(["a", "b", "shared"]), max_size=2))):
        lines += [f"[keys.{name}]", *(f"{k} = {v}" for k, v in draw(limits).items())]
        if draw(st.booleans()):
            lines.append(f"also = {json.dumps(draw(chains))}")
    return "\n".join(lines)


HANDS = ("narrow", "widen", "delete", "block", "file", "mode", "folder", "away")
meddling = st.lists(st.tuples(st.sampled_from(HANDS), st.sampled_from("abc")), max_size=3)


def meddle(what: str, name: str, place: Place, admin: Admin) -> None:
    """Somebody's hand."""
    folder = place.folder / "nodes" / name
    for row in admin.rows(name):
        if what == "delete":
            admin.delete(name)
        elif what == "narrow":
            admin.update(name, models=row["models"][:1])  # type: ignore[index]
        elif what == "widen":
            admin.update(name, models=[*row["models"], "gpt-oss-120b"])  # type: ignore[misc]
        elif what == "block":
            admin.update(name, blocked=True)
    if not (folder / "openclaw.json").is_file():
        return
    if what == "file":
        (folder / "openclaw.json").write_text('{"agents": 1}')
    elif what == "mode" and (folder / ".env").exists():
        (folder / ".env").chmod(0o644)
    elif what == "folder":
        folder.rename(place.folder / f"gone-{name}-{len(list(place.folder.iterdir()))}")
    elif what == "away":
        folder.rename(place.folder / f"away-{name}-{len(list(place.folder.iterdir()))}")
        folder.write_text("a file in the folder's place")


@pytest.mark.parametrize("drift", ["repair", "stop"])
@settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking whole fleets takes minutes
    max_examples=settings().max_examples // 10,  # many more of the same law: planning/test_pure_laws.py
)
@given(data=st.data())
def test_plan_after_apply_is_empty_or_blocked(world: World, drift: str, data: st.DataObject) -> None:
    world.admin.wipe()
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name) / "fleet", "")
        start = head(
            world.proxy.url,
            world.ollama.url,
            drift=drift,
            revoked=data.draw(st.sampled_from(["stop", "restore"])),
            overcommit=data.draw(st.sampled_from(["refuse", "refuse-new", "warn"])),
        )
        for _ in range(data.draw(st.integers(1, 3))):
            place.write(start + data.draw(fleets()))
            applied = place.run("apply", "--auto-approve")
            assert place.code in (Exit.FINE, Exit.ERROR, Exit.REFUSED, Exit.PARTIAL), place.out
            after = place.json("plan")
            assert all(line["action"] == "blocked" for line in after if line["type"] == "change"), applied + place.out
            assert all(line["obstacles"] for line in after if line["type"] == "change")
            if (place.folder / "fleet.lock").exists():
                assert replay(None, journal.read(place.folder / ".fleethub/journal.ndjson")) == place.lockfile
            before = place.bytes()
            place.run("apply", "--auto-approve")
            assert place.bytes() == before
            for what, node in data.draw(meddling):
                meddle(what, node, place, world.admin)


ODD = ('""', "0", "-1", "[]", "{}", "1979-05-27", "nan", '"\\u0000"', '"../.."', "[[[]]]", '"é"')
SPEC = """[models."qwen3-32b"]
backends = ["gpu"]
route = "ollama_chat/qwen3:32b"
context = 32768
[models."llama3.1-8b"]
backends = ["gpu"]
route = "ollama_chat/llama3.1:8b"
context = 32768
[nodes.a]
host = "a"
model = "qwen3-32b"
fallbacks = ["llama3.1-8b"]
[keys.a]
rpm = 60
[keys.web]
models = ["llama3.1-8b"]
"""


@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_a_mutated_spec_is_never_a_traceback(world: World, data: st.DataObject) -> None:
    world.admin.wipe()  # keys that another law left there would rightly be a lost lockfile
    text = head(world.proxy.url, world.ollama.url) + SPEC
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["drop", "double", "value", "cut", "insert"]))
        if how == "drop":
            del lines[at : at + 1]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "value":
            values = st.sampled_from(ODD)
            lines[at] = lines[at].partition("=")[0] + "= " + data.draw(values)
        elif how == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
        else:
            lines.insert(at, data.draw(st.text(max_size=12).filter(lambda t: "\r" not in t)))
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name) / "fleet", "")
        (place.folder / "fleet.toml").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        place.run(data.draw(st.sampled_from(["validate", "plan", "status"])))
        assert place.code in (Exit.FINE, Exit.ERROR, Exit.REFUSED), place.out
        assert "Traceback" not in place.out


def mangled(value: Any, dice: Random) -> Any:
    """Another JSON value in one place of this one."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        key = dice.choice(sorted(value))
        return {**value, key: mangled(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        at = dice.randrange(len(value))
        return [*value[:at], mangled(value[at], dice), *value[at + 1 :]]
    return dice.choice([None, 0, -1, 10**30, "", "x", [], {}, [None], {"data": 1}, True, 1.5])


@settings(max_examples=settings().max_examples // 4)
@given(st.data())
def test_a_mangled_answer_is_never_a_traceback(world: World, data: st.DataObject) -> None:
    world.admin.wipe()
    victims = data.draw(st.sets(st.sampled_from(["/key/list", "/v1/models", "/model/info", "/health/readiness",
                                                 "/key/generate", "/key/update", "/api/tags", "/api/ps", "/api/show",
                                                 "/api/version"]), min_size=1, max_size=3))  # fmt: skip
    # the servers answer on threads of their own, where nothing may be drawn: dice, seeded by an example
    dice = Random(data.draw(st.integers(0, 2**32)))

    def mangle(path: str, body: bytes) -> bytes:
        if path.partition("?")[0] not in victims:
            return body
        how = dice.choice(["json", "json", "json", "cut", "bytes"])
        if how == "json":
            return json.dumps(mangled(json.loads(body), dice)).encode()
        return body[: dice.randint(0, len(body))] if how == "cut" else dice.randbytes(9)

    text = head(world.proxy.url, world.ollama.url) + SPEC
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name) / "fleet", text)
        if data.draw(st.booleans()):
            place.apply()
        world.proxy.mangle = world.ollama.mangle = mangle
        try:
            place.run(*data.draw(st.sampled_from([("plan",), ("apply", "--auto-approve"), ("status",)])))
        finally:
            world.proxy.mangle = world.ollama.mangle = None
        assert place.code in (Exit.FINE, Exit.ERROR, Exit.REFUSED, Exit.STALE, Exit.PARTIAL), place.out
        assert "Traceback" not in place.out
