"""What of a backend's Ollama is not as declared or planned: its settings, and what it has loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fleethub.engines.ollama.names import canonical
from fleethub.engines.ollama.settings import SETTINGS, declared
from fleethub.model.address import Address
from fleethub.model.capacity import Placed, Sure
from fleethub.model.finding import Finding
from fleethub.model.readings.gpu import GpuProcess, GpuReading
from fleethub.model.readings.server import Resident, ServerReading
from fleethub.model.serving import Backend
from fleethub.model.text import GIB, gib


def setting_findings(backend: Backend, machine: GpuReading) -> Iterator[Finding]:
    """Declared settings that are not those of the server's environment, or that it could not be read."""
    if machine.settings is None:
        yield _finding(
            backend,
            "backend.machine-unread",
            f"the settings of Ollama on {backend.name} cannot be read, so the declared ones are taken: "
            f"{machine.settings_from}",
            f"keep [backends.{backend.name}.ollama] true by hand until they can be",
        )
    else:
        yield from _settings(backend, machine.settings, machine.settings_from)


def resident_findings(
    backend: Backend, server: ServerReading, placed: Sequence[Placed], reckoned: Sequence[Placed]
) -> Iterator[Finding]:
    """Residents that are partly on the CPU, that nobody planned, or that are not as large as ``reckoned``."""
    yield from _spilled(backend, server)
    yield from _unplanned(backend, server, placed)
    yield from _off(backend, server, reckoned)


def owns(process: GpuProcess, server: ServerReading | None) -> bool:
    """Whether it is Ollama's; one without a name may well be, in a container, while something is loaded."""
    return "ollama" in process.name.lower() or (not process.name and bool(server and server.residents))


def _finding(backend: Backend, code: str, message: str, hint: str, detail: tuple[str, ...] = ()) -> Finding:
    return Finding(code, message, Address("backend", backend.name), backend.place, hint, detail)


def _settings(backend: Backend, seen: Mapping[str, str], source: str) -> Iterator[Finding]:
    said = declared(backend.engine)
    for setting in SETTINGS:
        wanted = getattr(said, setting.field)
        text = seen.get(setting.variable)
        real = setting.parse(text or "")
        if wanted == real:
            continue
        runs = f"{setting.variable}={text}" if text else f"without {setting.variable}"
        told = "automatic" if wanted is None else setting.write(wanted)
        line = f"leave {setting.field} out" if real is None else f"write {setting.field} = {setting.write(real)}"
        setup = f"remove {setting.variable}" if wanted is None else f"set {setting.variable}={setting.plain(wanted)}"
        yield _finding(
            backend,
            "backend.settings-differ",
            f"{backend.name} declares {setting.field} = {told}, and its Ollama runs {runs} ({source}), "
            "which is what is reckoned with",
            f"{line} in [backends.{backend.name}.ollama]; or, if the spec is right, {setup} on the machine "
            "(systemctl edit ollama, an Environment= line, and restart it)",
        )


def _spilled(backend: Backend, server: ServerReading) -> Iterator[Finding]:
    for resident in server.residents:
        if resident.size_vram >= resident.size:
            continue
        share = 100 * (resident.size - resident.size_vram) / resident.size
        others = [r for r in server.residents if r is not resident and r.size_vram]
        beside = ", ".join(f"{r.tag} ({gib(r.size_vram)})" for r in others)
        yield _finding(
            backend,
            "capacity.spilled",
            f"{resident.tag} on {backend.name} is slow: {gib(resident.size - resident.size_vram)} of its "
            f"{gib(resident.size)} ({share:.0f} %) are on the CPU{_at(resident)}",
            "give it a smaller num_ctx on its route or OLLAMA_KV_CACHE_TYPE=q8_0, "
            + (f"or take away what is loaded beside it: {beside}; then " if others else "or a smaller quant; then ")
            + f"unload it once (ollama stop {resident.tag})",
        )


def _at(resident: Resident) -> str:
    return f", with a context of {resident.context} tokens" if resident.context else ""


def _unplanned(backend: Backend, server: ServerReading, placed: Sequence[Placed]) -> Iterator[Finding]:
    planned = {canonical(p.tag) for p in placed}
    extra = [r for r in server.residents if canonical(r.tag) not in planned]
    if extra:
        named = ", ".join(f"{r.tag} ({gib(r.size_vram)}{_at(r)})" for r in extra)
        yield _finding(
            backend,
            "capacity.unplanned",
            f"on {backend.name} {'is' if len(extra) == 1 else 'are'} loaded what no node or key of the spec names: "
            f"{named}",
            "somebody asks that Ollama directly, or another fleet does: name it in a key's also, so that it is "
            f"reckoned with, or end it (ollama stop {extra[0].tag})",
        )


def _off(backend: Backend, server: ServerReading, reckoned: Sequence[Placed]) -> Iterator[Finding]:
    """Loads wholly in VRAM, of the reckoned context, against the range without what no buffer holds."""
    files = {model.digest: model.size for model in server.installed.values()}
    for load in reckoned:
        estimate = load.estimate
        if not estimate.rows or any(row.sure is Sure.MEASURED for row in estimate.rows):
            continue
        inside = [row for row in estimate.rows if not row.what.startswith("overhead")]
        low = sum(row.bytes if row.least is None else row.least for row in inside if row.what != "projector")
        high = sum(row.bytes if row.most is None else row.most for row in inside)
        for resident in server.residents:
            same = canonical(resident.tag) == canonical(load.tag) and resident.context == load.context
            unread = resident.size == files.get(resident.digest)  # the server says so when it could not measure
            if not same or unread or not 0 < resident.size == resident.size_vram:
                continue
            if low <= resident.size <= high:
                continue
            more = resident.size > high
            off = (resident.size - high) if more else (low - resident.size)
            yield _finding(
                backend,
                "capacity.estimate-off",
                f"{resident.tag} on {backend.name} takes {resident.size / GIB:.2f} GiB{_at(resident)}, "
                f"{off / GIB:.2f} GiB {'more' if more else 'less'} than was reckoned "
                f"({low / GIB:.2f} to {high / GIB:.2f} GiB without the overhead)",
                "check that num_parallel and kv_cache_type are what the server runs with; "
                "the measured size is taken from now on",
                tuple(f"{gib(row.bytes):>10}  {row.what} ({row.source})" for row in estimate.rows),
            )
