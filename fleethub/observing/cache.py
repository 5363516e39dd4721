"""What earlier commands saw, in ``.fleethub/cache``: facts of models, sizes of loads, what was installed where.

Nothing here is needed and nothing is secret: a file that is missing, damaged or of another format is as if it were
not there, and a folder that cannot be written to is left alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fleethub.atomic import replace
from fleethub.clients.shown import facts, tensors
from fleethub.model.readings.gpu import GpuReading
from fleethub.model.readings.server import Installed, MeasuredLoad, ServerReading, Shown

FORMAT = 1
FILES = {"servers": "installed.json", "machines": "machines.json"}
PLACE, FACTS = ".fleethub/cache", "facts"
MOST = 500  # files of facts, measured loads, remembered models: the oldest go first
LARGEST = 32 << 20  # bytes of a file of the cache
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")
_WRITING = threading.Lock()  # atomic.replace names its temporary file after the process


class Cache:
    """The cache of one fleet; ``folder`` is the fleet's. Nothing of it raises.

    ``place``: where in it. ``FACTS`` lies beside the spec and is committed, so that who has no network knows it too.
    """

    def __init__(self, folder: Path, place: str = PLACE) -> None:
        self._folder, self._lock = folder / place, folder / PLACE / "lock"

    def get(self, digest: str) -> Shown | None:
        """The facts of the model with this digest."""
        path = self._of(digest)
        data = _read(path) if path else None
        return _shown(data.get("shown")) if data and data.get("digest") == _hex(digest) else None

    def put(self, digest: str, shown: Shown) -> None:
        """Remember a model's facts."""
        path = self._of(digest)
        if path is None:
            return
        tensor_rows = [[t.name, t.type, list(t.shape)] for t in shown.tensors]
        value = {
            "info": dict(shown.info),
            "tensors": tensor_rows,
            "parameters": dict(shown.parameters),
            "capabilities": list(shown.capabilities),
            "projector": dict(shown.projector),
            "files": [shown.weights, shown.draft, *shown.beside],
        }
        with suppress(OSError, ValueError, TypeError):
            _write(path, {"digest": _hex(digest), "shown": value})
            held = sorted(path.parent.glob("*.json"), key=lambda p: p.stat().st_mtime)
            for old in held[:-MOST]:
                old.unlink(missing_ok=True)

    def loads(self) -> tuple[MeasuredLoad, ...]:
        """Every load that was measured, the latest last."""
        return tuple(_loads(_read(self._folder / "loads.json")))

    def remember_loads(self, seen: Iterable[MeasuredLoad]) -> tuple[MeasuredLoad, ...]:
        """Add what was seen now, and return all; a load of the same key is replaced by the later one."""
        new = {_key(load): load for load in seen}

        def add(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
            old = {_key(load): load for load in _loads(data)}
            if all(key in old and old[key].bytes == load.bytes for key, load in new.items()):
                return None
            merged = {**{k: v for k, v in old.items() if k not in new}, **new}
            return {"loads": [asdict(load) for load in list(merged.values())[-MOST:]]}

        if new:
            self._change("loads.json", add)
        known = {_key(load): load for load in self.loads()}
        return tuple({**known, **new}.values())

    def remember_installed(self, url: str, reading: ServerReading, asked: Iterable[str]) -> None:
        """What is installed there of the asked tags, for the day on which it does not answer."""
        names = {t: reading.installed[t] for t in asked if t in reading.installed}
        models = {
            t: {"size": m.size, "digest": m.digest, "quant": m.quant, "remote": m.remote}
            for t, m in sorted(names.items())[:MOST]
        }
        entry = {"version": reading.version, "models": models}

        def add(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
            servers = dict(data["servers"]) if data and isinstance(data.get("servers"), dict) else {}
            if servers.get(url) == entry:
                return None
            servers.pop(url, None)
            servers[url] = entry
            return {"servers": dict(list(servers.items())[-MOST:])}

        self._change(FILES["servers"], add)

    def installed(self, url: str) -> ServerReading | None:
        """What was last seen installed there, with the facts that are remembered; without residents."""
        servers = (_read(self._folder / FILES["servers"]) or {}).get("servers")
        entry = servers.get(url) if isinstance(servers, dict) else None
        models = entry.get("models") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(models, dict):
            return None
        found = {}
        for tag, model in models.items():
            match model:
                case {"size": int(size), "digest": str(digest), "quant": str() | None as quant} if size >= 0:
                    remote = model.get("remote")
                    told = remote if isinstance(remote, str) else ""
                    found[tag] = Installed(size, digest, quant, self.get(digest), told)
        version = entry.get("version")
        return ServerReading(version if isinstance(version, str) else "", found, ())

    def remember_machines(self, machines: Mapping[str, GpuReading]) -> None:
        """Each machine by how it is reached, whole as it is given; a value as where nothing was told is not written."""
        told = {
            at: _machine().dump_python(reading, mode="json", exclude_defaults=True) for at, reading in machines.items()
        }

        def add(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
            known = data.get("machines") if data else None
            merged = {**(known if isinstance(known, dict) else {}), **told}
            return None if merged == known else {"machines": dict(sorted(merged.items()))}

        if told:
            self._change(FILES["machines"], add)

    def machines(self) -> dict[str, GpuReading]:
        """Each machine as it was last remembered."""
        told = (_read(self._folder / FILES["machines"]) or {}).get("machines")
        found = {}
        for at, one in told.items() if isinstance(told, dict) else ():
            with suppress(ValueError):  # damaged, or of another version
                found[at] = _machine().validate_python(one)
        return found

    def keep(self, servers: Collection[str], machines: Collection[str]) -> None:
        """Forget other servers and machines, and the facts of models that no server has."""
        self._change(FILES["servers"], lambda data: _only(data, "servers", servers))
        self._change(FILES["machines"], lambda data: _only(data, "machines", machines))
        known = (self.installed(url) for url in servers)
        named = {_hex(model.digest) for one in known if one is not None for model in one.installed.values()}
        with suppress(OSError):
            for path in (self._folder / "facts").glob("*.json"):
                if path.stem not in named:
                    path.unlink(missing_ok=True)

    def _of(self, digest: str) -> Path | None:
        name = _hex(digest)
        return self._folder / "facts" / f"{name}.json" if name else None

    def _change(self, name: str, change: Callable[[Mapping[str, Any] | None], dict[str, Any] | None]) -> None:
        """Read, change, write, while no other command does; ``change`` answers None for nothing to write."""
        with suppress(OSError, ValueError, TypeError):
            if change(_read(self._folder / name)) is None:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            with _held(self._lock):
                value = change(_read(self._folder / name))
                if value is not None:
                    _write(self._folder / name, value)


@cache
def _machine() -> TypeAdapter[GpuReading]:
    return TypeAdapter(GpuReading)


def _only(data: Mapping[str, Any] | None, name: str, kept: Collection[str]) -> dict[str, Any] | None:
    """What ``_change`` is to write: a table without what is not ``kept``; None: nothing is."""
    table = data.get(name) if data else None
    if not isinstance(table, dict) or not table.keys() - set(kept):
        return None
    return {name: {key: one for key, one in table.items() if key in kept}}


def _hex(digest: str) -> str:
    """The digest as a file's name; empty for what is none."""
    match = _DIGEST.fullmatch(digest)
    return match[1] if match else ""


def _key(load: MeasuredLoad) -> tuple[object, ...]:
    return (load.digest, load.context, load.parallel, load.kv_type, load.version)


def _loads(data: Mapping[str, Any] | None) -> Iterator[MeasuredLoad]:
    listed = data.get("loads") if data else None
    names = {field.name for field in fields(MeasuredLoad)}
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict) or set(entry) != names:
            continue
        numbers, texts = ("context", "parallel", "bytes"), ("digest", "kv_type", "version", "at")
        if all(type(entry[n]) is int and entry[n] > 0 for n in numbers) and all(
            isinstance(entry[t], str) for t in texts
        ):
            yield MeasuredLoad(**entry)


def _shown(value: Any) -> Shown | None:
    """A ``Shown`` as it was put; None when anything of it is not what ``put`` writes."""
    match value:
        case {
            "info": dict(info),
            "tensors": list(rows),
            "parameters": dict(parameters),
            "capabilities": list(capabilities),
            "projector": dict(projector),
            "files": [str(weights), str(draft), *beside],
        }:
            entries = [
                {"name": r[0], "type": r[1], "shape": r[2]} if isinstance(r, list) and len(r) == 3 else None
                for r in rows
            ]
            listed = tensors(entries)
            texts = (*parameters.values(), *capabilities, *beside)
            if len(listed) != len(rows) or not all(isinstance(t, str) for t in texts):
                return None
            told = (facts(info), listed, parameters, tuple(capabilities), facts(projector))
            return Shown(*told, weights, tuple(beside), draft)
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else None


def _write(path: Path, value: dict[str, Any]) -> None:
    data = json.dumps({"format": FORMAT, **value}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(data) > LARGEST:
        return
    with _WRITING:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, data, 0o644)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the cache among processes; raises BlockingIOError when somebody keeps it for a second."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        for left in reversed(range(20)):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
