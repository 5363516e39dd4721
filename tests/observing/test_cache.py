"""The cache: what it keeps, that nothing in it can break a read, and which loads are measurements."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.clients.http import Http
from fleethub.clients.resolver import SecretResolver
from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Source
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import Installed, MeasuredLoad, Resident, ServerReading, Shown, Tensor
from fleethub.model.serving import Backend
from fleethub.observing import cache as room
from fleethub.observing import measured_loads, observe
from fleethub.observing.cache import Cache
from fleethub.testing.catalog import ALL
from fleethub.testing.ollama import Ollama as StandIn

DIGEST = "ab" * 32
SHOWN = Shown(
    {"general.architecture": "qwen3", "qwen3.head_count_kv": [8, 0], "qwen3.scale": 0.5},
    (Tensor("token_embd.weight", "Q4_K", (5120, 151936)),),
    {"num_ctx": "4096"},
    ("completion", "tools"),
    {"clip.block_count": 27},
)
LOAD = MeasuredLoad(DIGEST, 4096, 1, "q8_0", "0.32.1", 9 << 30, "2026-11-24T00:00:00+00:00")
GIB = 1 << 30


def test_facts_come_back_as_they_were(tmp_path: Path) -> None:
    Cache(tmp_path).put(DIGEST, SHOWN)
    assert Cache(tmp_path).get(DIGEST) == SHOWN
    assert Cache(tmp_path).get(f"sha256:{DIGEST}") == SHOWN
    assert Cache(tmp_path).get("cd" * 32) is None
    assert [p.name for p in (tmp_path / ".fleethub/cache/facts").iterdir()] == [f"{DIGEST}.json"]


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "a/b", "abc", "XY" * 32])
def test_what_is_no_digest_names_no_file(tmp_path: Path, digest: str) -> None:
    Cache(tmp_path).put(digest, SHOWN)
    assert Cache(tmp_path).get(digest) is None
    assert list(tmp_path.iterdir()) == []


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path: Path, data: bytes) -> None:
    cache = Cache(tmp_path)
    facts = tmp_path / f".fleethub/cache/facts/{DIGEST}.json"
    cache.put(DIGEST, SHOWN)
    for path in (facts, *(tmp_path / f".fleethub/cache/{name}.json" for name in ("loads", "installed", "machines"))):
        path.write_bytes(data)
    cache.keep((), ())
    facts.write_bytes(data)
    assert (cache.get(DIGEST), cache.loads(), cache.installed("http://a"), cache.machines()) == (None, (), None, {})
    cache.put(DIGEST, SHOWN)
    assert cache.get(DIGEST) == SHOWN
    assert cache.remember_loads([LOAD]) == cache.loads() == (LOAD,)
    cache.remember_installed("http://a", ServerReading("1", {"m": Installed(1, DIGEST)}, ()), ["m"])
    assert cache.installed("http://a") == ServerReading("1", {"m": Installed(1, DIGEST, None, SHOWN)}, ())


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"digest": "cd" * 32}, {"shown": {}}, {"shown": None}],
)
def test_a_foreign_file_of_facts_is_ignored(tmp_path: Path, change: dict[str, object]) -> None:
    cache = Cache(tmp_path)
    cache.put(DIGEST, SHOWN)
    path = tmp_path / f".fleethub/cache/facts/{DIGEST}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert cache.get(DIGEST) is None


def test_a_tensor_that_was_damaged_takes_the_whole_with_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(DIGEST, SHOWN)
    path = tmp_path / f".fleethub/cache/facts/{DIGEST}.json"
    path.write_text(path.read_text().replace("151936", "-1"))
    assert cache.get(DIGEST) is None


def test_the_later_measurement_of_a_load_counts(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    later = MeasuredLoad(DIGEST, 4096, 1, "q8_0", "0.32.1", 10 << 30, "2026-11-25T00:00:00+00:00")
    other = MeasuredLoad(DIGEST, 8192, 1, "q8_0", "0.32.1", 11 << 30, "2026-11-25T00:00:00+00:00")
    cache.remember_loads([LOAD])
    assert set(cache.remember_loads([later, other])) == {later, other} == set(cache.loads())


def test_it_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST", 3)
    cache = Cache(tmp_path)
    for n in range(5):
        digest = f"{n:064x}"
        cache.put(digest, SHOWN)
        os.utime(tmp_path / f".fleethub/cache/facts/{digest}.json", (n, n))
        cache.remember_loads([MeasuredLoad(digest, 1, 1, "f16", "1", 1, "")])
        cache.remember_installed(f"http://{n}", ServerReading("1", {}, ()), [])
    assert [cache.get(f"{n:064x}") is not None for n in range(5)] == [False, False, True, True, True]
    assert [load.digest for load in cache.loads()] == [f"{n:064x}" for n in (2, 3, 4)]
    assert [cache.installed(f"http://{n}") is not None for n in range(5)] == [False, False, True, True, True]


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    reading = ServerReading("1", {"m": Installed(1, DIGEST)}, ())
    cache.remember_loads([LOAD])
    cache.remember_installed("http://a", reading, ["m"])
    files = [tmp_path / ".fleethub/cache/loads.json", tmp_path / ".fleethub/cache/installed.json"]
    before = [(p.stat().st_ino, p.stat().st_mtime_ns) for p in files]
    cache.remember_loads([LOAD])
    cache.remember_installed("http://a", reading, ["m"])
    assert [(p.stat().st_ino, p.stat().st_mtime_ns) for p in files] == before


def test_a_place_that_cannot_be_written_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".fleethub").write_text("in the way")
    cache = Cache(tmp_path)
    cache.put(DIGEST, SHOWN)
    assert cache.remember_loads([LOAD]) == (LOAD,)
    cache.remember_installed("http://a", ServerReading("1", {}, ()), [])
    assert (tmp_path / ".fleethub").read_text() == "in the way"


def _many(folder: Path, worker: int) -> None:
    for n in range(20):
        Cache(folder).remember_loads([MeasuredLoad(DIGEST, worker * 100 + n + 1, 1, "f16", "1", 1, "")])


def test_commands_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_many, args=(tmp_path, w)) for w in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(Cache(tmp_path).loads()) == 40


# which loads are measurements


def loads(
    version: str = "0.32.1",
    size: int = 9 * GIB,
    vram: int | None = None,
    context: int | None = 4096,
    settings: Mapping[str, str] | None = None,
    ssh: str | None = "ops@h",
) -> list[MeasuredLoad]:
    server = OllamaSettings(url="http://o", num_parallel=3, kv_cache_type="q4_0")
    fleet = Fleet(
        name="f",
        root="/",
        digest="",
        key_seed=None,
        backends={"b": Backend(name="b", host="h", ssh=ssh, engine=server)},
    )
    resident = Resident("m:latest", size, size if vram is None else vram, DIGEST, context)
    reading = ServerReading(version, {"m:latest": Installed(5 * GIB, DIGEST)}, (resident,))
    readings = {("ollama", "http://o"): reading, ("gpu", "ops@h"): GpuReading((), settings=settings)}
    return list(measured_loads(fleet, readings, "now"))


def test_a_load_wholly_in_vram_is_measured() -> None:
    assert loads() == [MeasuredLoad(DIGEST, 4096, 3, "q4_0", "0.32.1", 9 * GIB, "now")]
    assert loads(settings={}) == [MeasuredLoad(DIGEST, 4096, 1, "f16", "0.32.1", 9 * GIB, "now")]
    seen = {"OLLAMA_NUM_PARALLEL": "2", "OLLAMA_KV_CACHE_TYPE": "Q8_0"}
    assert loads(settings=seen) == [MeasuredLoad(DIGEST, 4096, 2, "q8_0", "0.32.1", 9 * GIB, "now")]
    assert loads(settings=seen, ssh=None)[0].parallel == 3


@pytest.mark.parametrize("version", ["0.12.9", "0.25.0", "0.0.0", "", "dev", "0.13"])
def test_a_server_that_does_not_measure(version: str) -> None:
    assert loads(version) == []


@pytest.mark.parametrize("version", ["0.13.0", "0.24.9", "0.30.0-rc1", "v0.32.1", "1.0.0"])
def test_a_server_that_measures(version: str) -> None:
    assert len(loads(version)) == 1


def test_what_is_no_measurement() -> None:
    assert loads(vram=8 * GIB) == []
    assert loads(size=0) == []
    assert loads(context=None) == []
    assert loads(size=5 * GIB) == [], "the file's size stands for what the server could not read"
    assert loads(settings={"OLLAMA_KV_CACHE_TYPE": "?"}) == []


def test_a_backend_that_is_down_is_remembered(tmp_path: Path) -> None:
    """What was seen of it while it answered; and nothing of it counts as observed."""
    with StandIn(models=ALL) as server:
        url = server.url
        backend = Backend(name="b", host="h", engine=OllamaSettings(url=url))
        fleet = Fleet(name="f", root=str(tmp_path), digest="", key_seed=None, backends={"b": backend})
        source = Source("ollama", url, ask=("qwen3:32b",))
        server.load("qwen3:32b", 4096)
        (resident,) = server.residents.values()
        http, resolver = Http(), SecretResolver(tmp_path, None)
        up = observe(fleet, [source], http, resolver)
    down = observe(fleet, [source], http, resolver)
    http.close()
    before = up.readings[source.id]
    assert isinstance(before, ServerReading)
    assert (up.remembered, [load.bytes for load in up.loads]) == ({}, [resident.size])
    assert not isinstance(down.of(source), ServerReading)
    kept = replace(before.installed["qwen3:32b"], modified="")  # that tells what is there now
    assert down.remembered[url].installed == {"qwen3:32b": kept}
    assert down.remembered[url].installed["qwen3:32b"].shown is not None
    assert down.remembered[url].residents == ()
    assert down.loads == up.loads
