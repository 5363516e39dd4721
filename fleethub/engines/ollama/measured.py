"""Which residents of an Ollama are measurements: their sizes replace an estimate of the same load."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleethub.engines.ollama.settings import declared
from fleethub.model.facts import Reading
from fleethub.model.observation import Unknown
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import MeasuredLoad, ServerReading
from fleethub.model.serving import Backend

#: Versions (from, below) whose ``/api/ps`` tells what was allocated; others tell their own estimate, or are not known.
MEASURES = (((0, 13), (0, 25)), ((0, 30), (10_000, 0)))


def measured(
    backend: Backend, reading: ServerReading, machine: Reading | Unknown | None, at: str
) -> Iterator[MeasuredLoad]:
    """Every load that lies wholly in VRAM, on a server whose sizes are measured, with the settings it was loaded by."""
    if not measures(reading.version):
        return
    said = declared(backend.engine)
    parallel, kv_type = said.num_parallel, said.kv_cache_type
    if isinstance(machine, GpuReading) and machine.settings is not None:
        parallel = _positive(machine.settings.get("OLLAMA_NUM_PARALLEL", ""), 1)
        kv_type = machine.settings.get("OLLAMA_KV_CACHE_TYPE", "").lower() or "f16"
    if kv_type == "?":  # set to something that is no plain word: the key would be a guess
        return
    files = {model.digest: model.size for model in reading.installed.values()}
    for resident in reading.residents:
        whole = 0 < resident.size == resident.size_vram
        unread = resident.size == files.get(resident.digest)  # what the server says when it could not measure
        if whole and not unread and resident.digest and resident.context:
            yield MeasuredLoad(resident.digest, resident.context, parallel, kv_type, reading.version, resident.size, at)


def measures(version: str) -> bool:
    """Whether this server's sizes are measurements; an unknown version's are not taken for it."""
    match = re.match(r"v?(\d{1,4})\.(\d{1,4})\.", version)
    if match is None:
        return False
    found = (int(match[1]), int(match[2]))
    return any(low <= found < high for low, high in MEASURES)


def _positive(text: str, otherwise: int) -> int:
    """A whole number above zero as Ollama reads it; anything else is its default."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else otherwise
