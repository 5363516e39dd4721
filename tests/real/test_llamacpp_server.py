"""A real llama-server (``xllamacpp``): what it allocates and gives, beside what its command line was reckoned to."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleethub.clients.http import Http
from fleethub.clients.llamacpp import LlamaCpp
from fleethub.clients.modelshape import read
from fleethub.engines.llamacpp.load import load
from fleethub.engines.llamacpp.server import LlamaCppServer
from fleethub.engines.llamacpp.settings import LlamaCppSettings
from fleethub.model.facts import Facts
from fleethub.model.readings.server import ModelFile
from fleethub.model.serving import Model
from fleethub.testing.llamacpp import LlamaCpp as StandIn

pytestmark = pytest.mark.real
MIB = 1 << 20
PATIENCE = 120
KV = re.compile(r"KV buffer size\s*=\s*([\d.]+) MiB")

#: model, --ctx-size, --parallel (0: not given, and this binding's default is one slot), --kv-unified
SERVERS = [("qwen3", 8192, 2, False), ("qwen3", 8192, 4, True), ("gemma3", 16384, 2, False), ("gemma3", 16384, 2, True)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        reason = "xllamacpp is not installed: pip install xllamacpp numpy"
        pytest.fail(reason) if os.environ.get("FLEETHUB_REQUIRE_REAL") else pytest.skip(reason)
    return tmp_path_factory.mktemp("gguf")


@contextmanager
def served(files: Path, model: str, context: int, parallel: int, unified: bool) -> Iterator[tuple[str, Path]]:
    """Its URL, and the file that its log goes to."""
    argv = [sys.executable, "-m", "tests.real.llamacpp.serve", model, str(context), str(parallel)]
    argv += [str(int(unified)), str(files)]
    log, pipe = files / "server.log", subprocess.PIPE
    with log.open("wb") as errors, subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=errors, text=True) as one:
        watch = threading.Timer(PATIENCE, one.kill)
        watch.start()
        try:
            assert one.stdout is not None
            url = one.stdout.readline().strip()  # empty: it ended, or was ended
            watch.cancel()
            assert url.startswith("http://127.0.0.1:"), log.read_text(errors="replace")[-3000:]
            until = time.monotonic() + PATIENCE
            while b"listening on" not in log.read_bytes() and time.monotonic() < until:  # its log may come later
                time.sleep(0.05)
            yield url, log
        finally:
            watch.cancel()
            one.kill()


@pytest.mark.parametrize(("model", "context", "parallel", "unified"), SERVERS)
def test_its_cache_and_its_slots_are_what_was_reckoned(
    files: Path, model: str, context: int, parallel: int, unified: bool
) -> None:
    with served(files, model, context, parallel, unified) as (url, log):
        http = Http()
        try:
            reading = LlamaCpp(http, url).read(())
        finally:
            http.close()
    said = LlamaCppSettings(url=url, ctx_size=context, parallel=parallel, kv_unified=unified)
    server = LlamaCppServer("gpu", (("CPU", 64 << 30),), said, 0)
    known = {("model", f"{model}.gguf"): read(files, f"{model}.gguf")}
    placed = load(server, Model(name="m", route="openai/m", context=1, file=f"{model}.gguf"), Facts("now", known))
    lines = dict.fromkeys(line.strip() for line in log.read_text(errors="replace").splitlines() if KV.search(line))
    allocated = sum(float(found[1]) for line in lines if (found := KV.search(line)))
    reckoned = sum(row.bytes for row in placed.estimate.rows if row.what.startswith("KV")) / MIB
    assert reckoned == pytest.approx(allocated, rel=0.006)
    assert reading.told == {"n_ctx": str(placed.context), "total_slots": str(parallel)}
    (installed,) = reading.installed.values()
    file = known["model", f"{model}.gguf"]
    assert isinstance(file, ModelFile)
    assert installed.size == pytest.approx(file.size, rel=0.01)


def test_the_stand_in_speaks_as_the_real_one_does(files: Path) -> None:
    """Every key that the stand-in sends is there, of the same type."""
    http = Http()
    try:
        with served(files, "qwen3", 4096, 1, False) as (url, _), StandIn() as fake:
            for path in ("/props", "/v1/models", "/slots"):
                real, ours = (http.request("GET", base + path).body for base in (url, fake.url))
                assert _within(ours, real) == [], path
    finally:
        http.close()


def _within(ours: object, real: object, at: str = "") -> list[str]:
    """Paths at which ours has what the real one has not."""
    if isinstance(ours, dict) and isinstance(real, dict):
        return [p for k, v in ours.items() for p in (_within(v, real[k], f"{at}.{k}") if k in real else [f"{at}.{k}"])]
    if isinstance(ours, list) and isinstance(real, list):
        return _within(ours[0], real[0], f"{at}[0]") if ours and real else []
    return [] if type(ours) is type(real) else [f"{at}: {type(real).__name__}"]
