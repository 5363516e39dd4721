"""What runs on a backend now, against what is declared and planned: warnings, never a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fleethub.engines.ollama.settings import SETTINGS
from fleethub.model.address import Address
from fleethub.model.capacity import Placed, Sure
from fleethub.model.facts import Facts, GpuReading, OllamaReading, Resident, tagged
from fleethub.model.finding import Finding
from fleethub.model.fleet import Backend, Fleet
from fleethub.model.observation import Source, Unknown
from fleethub.model.text import GIB, gib, plural

MIB = 1 << 20
#: Of a declared GPU's size: makers round, and the driver keeps a little.
TOLERANCE = 0.02
#: What a desktop or a monitor takes is not worth a warning.
NOTICEABLE = 64 * MIB


def live_findings(
    fleet: Fleet, backend: Backend, facts: Facts, placed: Sequence[Placed], reckoned: Sequence[Placed] | None = None
) -> tuple[Finding, ...]:
    """Warnings about the machine and the residents of one backend.

    ``placed`` is its planned set. ``reckoned`` are the same loads estimated without measured sizes, to be compared
    with what is loaded; by default those of ``placed`` that have none.
    """
    source = Source("gpu", backend.ssh) if backend.ssh else None
    machine = facts.of(source) if source else None
    server = facts.of(Source("ollama", backend.ollama.url)) if backend.ollama else None
    found: list[Finding] = []
    if isinstance(machine, GpuReading):
        found += _machine(backend, machine)
    elif isinstance(machine, Unknown):
        found.append(_unread(backend, machine.reason))
    if isinstance(server, OllamaReading):
        found += _spilled(backend, server)
        found += _unplanned(backend, server, placed)
        found += _off(backend, server, placed if reckoned is None else reckoned)
    if isinstance(machine, GpuReading):
        found += _foreign(backend, machine, server if isinstance(server, OllamaReading) else None)
    return tuple(found)


def _finding(backend: Backend, code: str, message: str, hint: str, detail: tuple[str, ...] = ()) -> Finding:
    return Finding(code, message, Address("backend", backend.name), backend.place, hint, detail)


def _unread(backend: Backend, reason: str) -> Finding:
    where = "this machine" if backend.ssh == "local" else f"the machine of {backend.name}"
    hint = f"ssh = {backend.ssh!r} of [backends.{backend.name}] says where they are read"
    return _finding(
        backend,
        "backend.machine-unread",
        f"{where} does not tell its GPUs and Ollama's settings, so the declared ones are taken: {reason}",
        hint.replace("'", '"'),
    )


def _machine(backend: Backend, machine: GpuReading) -> Iterator[Finding]:
    if not machine.gpus:
        yield _finding(
            backend,
            "backend.machine-unread",
            f"the GPUs of {backend.name} cannot be read, so the declared ones are taken: {machine.problem}",
            f"check nvidia-smi there, or keep gpus in [backends.{backend.name}] true by hand",
        )
    elif backend.gpus:
        yield from _gpus(backend, machine)
    if backend.ollama is None:
        return
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


def _gpus(backend: Backend, machine: GpuReading) -> Iterator[Finding]:
    declared = sorted((gpu.vram for gpu in backend.gpus), reverse=True)
    seen = sorted((gpu.total for gpu in machine.gpus), reverse=True)
    if len(declared) == len(seen) and all(
        abs(d - s) <= TOLERANCE * max(d, s) for d, s in zip(declared, seen, strict=True)
    ):
        return
    lines = ", ".join(f'{{ name = "{gpu.name}", vram = "{round(gpu.total / MIB)} MiB" }}' for gpu in machine.gpus)
    there = " + ".join(gib(s) for s in seen)
    yield _finding(
        backend,
        "backend.gpus-differ",
        f"{backend.name} declares {plural(len(declared), 'GPU')} ({' + '.join(gib(d) for d in declared)}), and "
        f"{machine.by} sees {plural(len(seen), 'GPU')} ({there}), which is what is reckoned with",
        f"write gpus = [{lines}] in [backends.{backend.name}]",
    )


def _settings(backend: Backend, seen: Mapping[str, str], source: str) -> Iterator[Finding]:
    for setting in SETTINGS:
        declared = getattr(backend.ollama, setting.field)
        text = seen.get(setting.variable)
        real = setting.parse(text or "")
        if declared == real:
            continue
        runs = f"{setting.variable}={text}" if text else f"without {setting.variable}"
        told = "automatic" if declared is None else setting.write(declared)
        line = f"leave {setting.field} out" if real is None else f"write {setting.field} = {setting.write(real)}"
        setup = (
            f"remove {setting.variable}" if declared is None else f"set {setting.variable}={setting.plain(declared)}"
        )
        yield _finding(
            backend,
            "backend.settings-differ",
            f"{backend.name} declares {setting.field} = {told}, and its Ollama runs {runs} ({source}), "
            "which is what is reckoned with",
            f"{line} in [backends.{backend.name}.ollama]; or, if the spec is right, {setup} on the machine "
            "(systemctl edit ollama, an Environment= line, and restart it)",
        )


def _spilled(backend: Backend, server: OllamaReading) -> Iterator[Finding]:
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


def _unplanned(backend: Backend, server: OllamaReading, placed: Sequence[Placed]) -> Iterator[Finding]:
    planned = {tagged(p.tag) for p in placed}
    extra = [r for r in server.residents if tagged(r.tag) not in planned]
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


def _off(backend: Backend, server: OllamaReading, reckoned: Sequence[Placed]) -> Iterator[Finding]:
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
            same = tagged(resident.tag) == tagged(load.tag) and resident.context == load.context
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


def _foreign(backend: Backend, machine: GpuReading, server: OllamaReading | None) -> Iterator[Finding]:
    residents = bool(server and server.residents)
    foreign = [
        p
        for p in machine.processes
        if "ollama" not in p.name.lower()
        and (p.used is None or p.used >= NOTICEABLE)
        and (p.name or not residents)  # one without a name may well be Ollama's own, in a container
    ]
    if foreign:
        known = sum(p.used or 0 for p in foreign)
        named = ", ".join(
            f"{p.name.rpartition('/')[2] or 'a process without a name'} (pid {p.pid}"
            + (f", {gib(p.used)})" if p.used is not None else ")")
            for p in foreign
        )
        total = sum(gpu.total for gpu in machine.gpus)
        yield _finding(
            backend,
            "capacity.foreign",
            f"on {backend.name} {plural(len(foreign), 'process', 'processes')} beside Ollama "
            f"{'holds' if len(foreign) == 1 else 'hold'} {gib(known) if known else 'an untold part'} of "
            f"{gib(total)} VRAM: {named}",
            "what is planned is judged as if they were not there: end them, or raise reserve in [policy] by as much",
        )
