"""A server for minutes, under all at once: looks, edits, applies and fifty clients. Nothing is lost, and nothing grows.

``FLEETHUB_SOAK_MINUTES`` and ``FLEETHUB_SOAK_NODES`` are the long row's; with ``-s`` it prints its figures.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.server.live import Served, interpreter, serving
from tests.support import MASTER, Place

CLIENTS = 50
MODELS = ("one", "two")


class Process:
    """What a process of Linux holds: resident bytes, descriptors, threads."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")

    def held(self) -> tuple[int, int, int]:
        status = dict(line.split(":", 1) for line in (self._proc / "status").read_text().splitlines())
        return int(status["VmRSS"].split()[0]) << 10, len(list((self._proc / "fd").iterdir())), int(status["Threads"])


class Soak:
    """Threads that work on a served fleet until ``stop``; what each did, and what went wrong."""

    def __init__(self, served: Served, place: Place, nodes: int) -> None:
        self.served, self.place, self.nodes = served, place, nodes
        self.stop = threading.Event()
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.models: dict[str, str] = {}
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in self._works()]

    def _works(self) -> Iterator[Any]:
        yield self.edit
        yield self.apply
        yield from [self.read] * CLIENTS

    def __enter__(self) -> Soak:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(300)
        assert not any(thread.is_alive() for thread in self._threads)

    def _guarded(self, work: Any) -> None:
        try:
            work()
        except Exception as error:
            self.wrong.append(f"{work.__name__}: {error!r}")

    def edit(self) -> None:
        """Give one node after the other the other model."""
        for number in range(1 << 30):
            if self.stop.wait(0.5):
                return
            name, model = f"n{number % self.nodes}", MODELS[(number // self.nodes + 1) % 2]
            ask = urllib.request.Request(
                f"{self.served.url}api/fleet/assign",
                json.dumps({"node": name, "model": model, "project": "soak"}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(ask, timeout=300) as answer:
                assert json.load(answer)["changed"]
            self.models[name] = model
            self.done["edits"] += 1

    def apply(self) -> None:
        """As an operator beside the server would."""
        while not self.stop.wait(2):
            self.command("apply", "--auto-approve")
            self.done["applies"] += 1

    def command(self, *argv: str) -> str:
        command = [sys.executable, "-m", "fleethub", "-C", str(self.place.folder), *argv]
        env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{argv} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def read(self) -> None:
        """The fleet and the page in turn, each time whole; a part of the clients come anew each time."""
        where = urlsplit(self.served.url)
        connection, tag = http.client.HTTPConnection(str(where.hostname), where.port, timeout=300), ""
        for number in range(1 << 30):
            if self.stop.wait(0.25):
                break
            path = "/" if number % 8 == 7 else "/api/fleet"
            headers = {"Accept-Encoding": "gzip", **({"If-None-Match": tag} if path != "/" and tag else {})}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
            self.done[f"{answer.status}"] += 1
            if answer.status == 304:
                continue
            assert answer.status == 200, data[:200]
            text = gzip.decompress(data)
            if path == "/":
                assert text.rstrip().endswith(b"</html>")
            else:
                tag = answer.headers["ETag"]
                assert len(json.loads(text)["nodes"]) == self.nodes
            if number % 16 == 15:
                connection.close()
        connection.close()


def soaked(folder: Path, nodes: int, seconds: float, growth: float) -> None:
    """Run it, and look at what is left. ``growth``: of the memory of the last fifth over that of the third: a server
    grows until it has seen all that is done with it."""
    with LiteLLM(models=[deployment(name) for name in MODELS], master_key=MASTER) as proxy:
        spec = fleet(proxy.url, name="soak", key_cache_ttl="100ms").models(*MODELS)
        for number in range(nodes):
            spec = spec.node(f"n{number}", "one")
        place = Place(folder / "fleet", spec.text)
        place.apply()
        with serving(place.folder, "--interval", "1s", start=interpreter, LITELLM_MASTER_KEY=MASTER) as served:
            served.observed()
            process, held = Process(served.process.pid), []
            with Soak(served, place, nodes) as soak:
                end = time.monotonic() + seconds
                while time.monotonic() < end and not soak.wrong:
                    held.append(process.held())
                    time.sleep(seconds / 200)
            assert soak.wrong == [], served.stop()[1]
            soak.command("apply", "--auto-approve")
            _nothing_lost(soak, served, nodes)
            served.until(lambda: _idle(served, process, held[0]))
            held.append(process.held())
            told = urllib.request.urlopen(f"{served.url}metrics", timeout=300).read().decode()
    refreshes = next(line.split()[1] for line in told.splitlines() if line.startswith("fleethub_refreshes_total"))
    memory = [one[0] for one in held]
    size = max(len(memory) // 5, 1)
    fifths = [statistics.median(memory[at * size : (at + 1) * size]) for at in range(5)]
    most = [max(one[at] for one in held) for at in range(3)]
    print(f"{nodes} nodes, {seconds / 60:.1f} min: {refreshes} refreshes, {dict(soak.done)}")
    print(f"memory by fifths {', '.join(f'{part / 2**20:.0f}' for part in fifths)} MiB: {fifths[4] / fifths[2]:.3f}")
    print(f"descriptors {held[0][1]}, {held[-1][1]}, at most {most[1]}; threads {held[0][2]}, {held[-1][2]}, {most[2]}")
    assert "fleethub_refresh_failures_total 0" in told
    assert fifths[4] <= fifths[2] * growth


def _idle(served: Served, process: Process, before: tuple[int, int, int]) -> bool:
    """Whether no more descriptors and threads are left than before the clients came; idle threads go as others work."""
    served.get("/api/fleet/capacity")
    _, descriptors, threads = process.held()
    return descriptors <= before[1] + 2 and threads <= before[2] + 4


def _nothing_lost(soak: Soak, served: Served, nodes: int) -> None:
    """Each edit is in the spec, the history, the lockfile's nodes and the files of its node."""
    assert soak.done["edits"] > 0
    assert soak.done["applies"] > 0

    def there() -> Any:
        found = served.get("/api/fleet")
        return not found["changes"] and all(node["state"] == "there" for node in found["nodes"]) and found

    found = served.until(there)
    chains = {node["name"]: node["chain"] for node in found["nodes"]}
    assert {name: chains[name][0].split("/")[-1] for name in soak.models} == soak.models
    for name, model in soak.models.items():
        written = json.loads((soak.place.folder / f"nodes/{name}/openclaw.json").read_text())
        assert written["agents"]["defaults"]["model"]["primary"].endswith(f"/{model}")
    told = [json.loads(line) for line in soak.command("--json", "log", "-n", "1000000").splitlines()]
    actions = Counter(one.get("action") for one in told)
    assert actions["assign"] == soak.done["edits"], actions


@pytest.mark.long
def test_a_server_for_seconds(tmp_path: Path) -> None:
    soaked(tmp_path, 30, 20, 1.4)  # it has not yet


@pytest.mark.soak
@pytest.mark.long
def test_a_server_for_minutes(tmp_path: Path) -> None:
    minutes, nodes = os.environ.get("FLEETHUB_SOAK_MINUTES", "10"), os.environ.get("FLEETHUB_SOAK_NODES", "200")
    soaked(tmp_path, int(nodes), 60 * float(minutes), 1.05)
