"""A proxy, a node and a lockfile lie, the product is run as a user runs it, and a table shows what came of it.

Nothing that lives is lost, no secret goes to a stranger, the exit code is a designed one, and what is said names the
lie. On a real LiteLLM where FLEETHUB_LITELLM_UP is set, else on the stand-in; over a real sshd where FLEETHUB_SSHD is
set, else in folders. FLEETHUB_LIES names a file for the table.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.process import Output
from fleethub.clients.shell import Local
from fleethub.clients.ssh import Remote
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.proxies import Admin
from tests.real.liar import Liar, Said, Stranger
from tests.real.lies import ALL_GONE, B_GONE, LIMIT, ROWS, SAME, Row
from tests.support import MASTER, SEED, Place

Run = Callable[..., Output]
TABLE: list[tuple[str, str, str, str]] = []
MODELS = ("qwen3-32b", "gemma3-27b")


class Town:
    """A fleet that was applied through the liar, and is put back after each row."""

    def __init__(self, upstream: str, folder: Path, address: str = "") -> None:
        self.liar, self.stranger, self.admin, self.folder = Liar(upstream), Stranger(), Admin(upstream), folder
        self.kept = folder.with_name("kept")
        ttl = "3s" if os.environ.get("FLEETHUB_LITELLM_UP") else "10ms"
        spec = fleet(self.liar.url, key_cache_ttl=ttl).models(*MODELS).node("a", *MODELS).node("b", "gemma3-27b")
        if address:
            there = {"target": f"ssh://{address}{folder}/nodes/{{name}}", "type": "openclaw-native", "image": None}
            spec = spec.table("defaults.node", **there, activate="never")
        self.specs: dict[str, Spec] = {
            SAME: spec.key("web", models=["qwen3-32b"]),
            B_GONE: spec.key("web", models=["qwen3-32b"]).without("nodes", "b"),
            LIMIT: spec.key("web", models=["qwen3-32b"]).key("b", rpm=7),
        }
        self.specs[ALL_GONE] = self.specs[SAME]
        self.found()

    def found(self) -> None:
        """As it is before each row."""
        self.admin.wipe()
        self.admin.generate(key_alias="theirs", models=["qwen3-32b"])
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pristine = Place(self.folder, self.specs[SAME].text)
        self.pristine.apply()
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept)
        self.tokens = self.keys()
        self.values = [self.pristine.env(node)["FLEETHUB_KEY_MAIN"] for node in ("a", "b")]

    def keys(self) -> dict[str, object]:
        return {str(row["key_alias"]): row["token"] for row in self.admin.rows()}

    def place(self, spec: str) -> Place:
        """The fleet as it was applied, nodes and all."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)
        return Place(self.folder, self.specs[spec].text)

    def stop(self) -> None:
        self.admin.http.close()
        self.liar.stop()
        self.stranger.stop()


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the nodes are, with an operator's home and ssh; empty: on this machine."""
    if not os.environ.get("FLEETHUB_SSHD"):
        yield ""
        return
    server, openssh = request.getfixturevalue("server"), request.getfixturevalue("openssh")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(server.home))
        patch.setenv("PATH", str(openssh), prepend=os.pathsep)
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        server.known_hosts(server.known)
        yield server.address


@pytest.fixture(scope="module")
def upstream(request: pytest.FixtureRequest) -> Iterator[str]:
    """The LiteLLM that tells the truth."""
    if os.environ.get("FLEETHUB_LITELLM_UP"):
        yield request.getfixturevalue("replicas")[0].url
        return
    with LiteLLM(models=[deployment(m) for m in MODELS], master_key=MASTER, cache_ttl=0.01) as proxy:
        yield proxy.url


@pytest.fixture(scope="module")
def town(upstream: str, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = Town(upstream, tmp_path_factory.mktemp("town") / "fleet", address)
    yield found
    found.stop()
    _print()


SAMPLE = [pytest.param(name, marks=pytest.mark.sample) if n % 12 == 0 else name for n, name in enumerate(ROWS)]


@pytest.mark.parametrize("name", SAMPLE)
def test_a_lie(name: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ROWS[name]
    if (row.shell or row.tool) and not os.environ.get("FLEETHUB_SSHD"):
        pytest.skip("a folder is read without a shell that could lie: FLEETHUB_SSHD is not set")
    place = town.place(row.spec)
    tell(row, town, place, monkeypatch)
    before, asked = place.folder / "fleet.lock", len(town.liar.asked)
    named = resources(before)
    try:
        shown = place.run("plan")
        assert "Traceback" not in shown
        out = place.run(*(("destroy",) if row.spec == ALL_GONE else ("apply",)), "--auto-approve")
    finally:
        town.liar.lie = None
        monkeypatch.undo()
    sent = [f"{method} {path.partition('?')[0]}" for method, path in town.liar.asked[asked:] if method != "GET"]
    TABLE.append((name, row.spec, ", ".join(sent) or "nothing", f"{place.code}: {says(row, out)}"))
    lost = [thing for thing in row.lives if not lives(thing, place, town)]
    forgotten = named - resources(before)
    if town.keys() != town.tokens:
        town.found()
    heard = b"".join(town.stranger.heard)
    town.stranger.heard.clear()

    assert lost == [], out
    assert not [name for name in forgotten if name in {n for thing in row.lives for n in names(thing)}], out
    for secret in (MASTER, SEED, *town.values):
        assert secret.encode() not in heard
        assert secret not in shown + out
    assert not (place.folder / "RAN").exists()
    assert "Traceback" not in out
    assert place.code == row.code, out
    assert re.search(row.says, shown + out), out


def tell(row: Row, town: Town, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lie be told from now on."""
    if row.proxy is not None:
        told = row.proxy

        def lie(method: str, path: str, said: Said) -> Said | None:
            found = told(method, path, said)
            return Said(found.status, found.body, found.kind, town.stranger.url) if found and found.to else found

        town.liar.lie = lie
    if row.shell is not None or row.tool:
        change = row.shell
        without = f"{row.tool}() {{ echo {row.tool}: not found >&2; return 127; }}\n" if row.tool else ""

        for shell in (Local, Remote):
            run: Run = shell.run

            def lying(self: Any, script: str, stdin: bytes = b"", timeout: float = 20.0, run: Run = run) -> Output:
                if b"/nodes/b\n" not in stdin:
                    return run(self, script, stdin, timeout)
                said = run(self, without + script, stdin, timeout)
                return change(script, said) if change is not None else said

            monkeypatch.setattr(shell, "run", lying)
    if row.folder is not None:
        row.folder(place.folder / "nodes/b")
    if row.lockfile is not None:
        lockfile = place.folder / "fleet.lock"
        text = row.lockfile(lockfile.read_text(), town.stranger.url)
        lockfile.write_text(text) if text or "lost" not in row.says else lockfile.unlink()


def names(thing: str) -> set[str]:
    """The addresses of a thing: of ``b`` the node and its key."""
    kind, _, name = thing.rpartition(" ")
    if name == "theirs":
        return set()  # no lockfile of ours has it
    both = {"key": {f"key.main.{name}"}, "node": {f"node.{name}"}}
    return both[kind] if kind else both["key"] | both["node"]


def lives(thing: str, place: Place, town: Town) -> bool:
    kind, _, name = thing.rpartition(" ")
    key = town.keys().get(name) == town.tokens[name]
    node = (place.folder / "nodes" / name / ".env").exists() or name not in ("a", "b")
    return {"key": key, "node": node}.get(kind, key and node)


def resources(lockfile: Path) -> set[str]:
    text = lockfile.read_text() if lockfile.exists() else ""
    return set(re.findall(r'(?m)^\[resource\."([^"]+)"\]', text))


def says(row: Row, out: str) -> str:
    """The line that names the lie."""
    lines = [" ".join(line.split()) for line in out.splitlines() if re.search(row.says, line)]
    return (lines or ["?"])[0][:140]


def _print() -> None:
    head = ("what lied", "asked for", "what was sent", "exit: what was said")
    wide = [max(len(line[i]) for line in (head, *TABLE)) for i in range(3)]
    text = "\n".join(
        "  ".join((*(c.ljust(w) for c, w in zip(line, wide, strict=False)), line[3])) for line in (head, *TABLE)
    )
    print(f"\n{text}")
    if os.environ.get("FLEETHUB_LIES"):
        Path(os.environ["FLEETHUB_LIES"]).write_text(text + "\n")
