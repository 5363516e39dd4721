"""The machine of a backend: its GPUs by NVML (this machine) or ``nvidia-smi`` (over SSH), and Ollama's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleethub.clients.answer import ask
from fleethub.clients.machine import Frame, FrameError, frames, script, settings
from fleethub.clients.shell import Shell, ShellError
from fleethub.model.facts import GpuProcess, GpuReading, GpuState
from fleethub.model.text import flat

MIB = 1 << 20
LARGEST_MIB = 1 << 30  # a petabyte: what is above is no size
#: What nvidia-smi writes for what it cannot tell.
UNTOLD = ("[N/A]", "[Not Supported]", "[Unknown Error]", "[Insufficient Permissions]", "N/A")
WITHOUT = "it has no nvidia-smi, the one tool by which GPUs are read: declare them (gpus = …) if it has another kind"


class GpuError(Exception):
    """Neither the GPUs nor Ollama's settings could be read; the message is fit to be shown."""


def read_local(shell: Shell) -> GpuReading:
    """This machine, GPUs by NVML and settings by ``shell``; raises GpuError when both fail."""
    gpus: tuple[GpuState, ...] = ()
    processes: tuple[GpuProcess, ...] = ()
    problem = ""
    try:
        gpus, processes = nvml()
        problem = "" if gpus else "NVML finds no GPU"
    except GpuError as error:
        problem = str(error)
    try:
        found = settings(frames(ask(shell, script(gpus=False)).out))
    except (ShellError, FrameError) as error:
        if problem:
            raise GpuError(f"{problem}; Ollama's settings: {error}") from None
        return GpuReading(gpus, processes, None, "NVML", "", str(error))
    return _whole(GpuReading(gpus, processes, found.values, "NVML", problem, found.says))


def read_remote(shell: Shell) -> GpuReading:
    """Another machine, all in one script; raises GpuError when it tells neither GPUs nor settings."""
    try:
        answer = ask(shell, script(gpus=True))
        if answer.code:
            said = answer.err.decode("utf-8", "replace").strip()
            raise GpuError(f"the script ended with {answer.code}" + (f": {_short(said)}" if said else ""))
        found = frames(answer.out)
    except (ShellError, FrameError) as error:
        raise GpuError(str(error)) from None
    told = settings(found)
    gpus: tuple[GpuState, ...] = ()
    processes: tuple[GpuProcess, ...] = ()
    problem = ""
    try:
        gpus = parse_gpus(found.get("gpus", Frame(127, "")))
        processes = parse_processes(found.get("apps", Frame(0, "")))
    except GpuError as error:
        gpus, processes, problem = (), (), str(error)
    return _whole(GpuReading(gpus, processes, told.values, "nvidia-smi", problem, told.says))


def _whole(reading: GpuReading) -> GpuReading:
    if not reading.gpus and reading.settings is None:
        raise GpuError(f"{reading.problem}; Ollama's settings: {reading.settings_from}")
    return reading


def parse_gpus(frame: Frame) -> tuple[GpuState, ...]:
    """``index, uuid, name, total, used, free`` in MiB, one line each; raises GpuError for anything else."""
    if frame.code == 127:
        raise GpuError(WITHOUT)
    if frame.code:
        raise GpuError(f"nvidia-smi ended with {frame.code}: {_short(frame.text)}")
    found = []
    for place, line in enumerate(_lines(frame.text)):
        head = line.split(", ", 2)
        tail = head[2].rsplit(", ", 3) if len(head) == 3 else []
        if len(tail) != 4 or not _number(head[0]):
            raise GpuError(f"nvidia-smi answers what is no list of GPUs: {_short(line)}")
        index, uuid, name = int(head[0]), head[1], tail[0]
        if index != place or not name:
            raise GpuError(f"nvidia-smi's list of GPUs is not whole: {_short(line)}")
        sizes = []
        for what, value in zip(("total", "used", "free"), tail[1:], strict=True):
            if value in UNTOLD:
                raise GpuError(f"nvidia-smi does not tell the {what} memory of GPU {index} ({_short(name)})")
            sizes.append(_mib(value, line))
        total, used, free = sizes
        if total == 0 or used > total or free > total:
            raise GpuError(f"nvidia-smi's numbers of GPU {index} contradict each other: {_short(line)}")
        found.append(GpuState(_short(name), total, used, free, _short(uuid)))
    if not found:
        raise GpuError("nvidia-smi finds no GPU")
    return tuple(found)


def parse_processes(frame: Frame) -> tuple[GpuProcess, ...]:
    """``gpu_uuid, pid, process_name, used_memory`` in MiB; raises GpuError for anything else."""
    if frame.code:
        raise GpuError(f"nvidia-smi ended with {frame.code}: {_short(frame.text)}")
    found = []
    for line in _lines(frame.text):
        head = line.split(", ", 2)
        tail = head[2].rsplit(", ", 1) if len(head) == 3 else []
        if len(tail) != 2 or not _number(head[1]):
            raise GpuError(f"nvidia-smi answers what is no list of processes: {_short(line)}")
        used = None if tail[1] in UNTOLD else _mib(tail[1], line)
        found.append(GpuProcess(int(head[1]), _program(tail[0]), _short(head[0]), used))
    return tuple(found)


def nvml() -> tuple[tuple[GpuState, ...], tuple[GpuProcess, ...]]:
    """GPUs of this machine and the processes on them; raises GpuError."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise GpuError(f"NVML: {error}") from None
    try:
        gpus, processes = [], []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name, uuid = _text(pynvml.nvmlDeviceGetName(handle)), _text(pynvml.nvmlDeviceGetUUID(handle))
            gpus.append(GpuState(name, int(memory.total), int(memory.used), int(memory.free), uuid))
            processes += _processes(pynvml, handle, uuid)
        return tuple(gpus), tuple(processes)
    except pynvml.NVMLError as error:
        raise GpuError(f"NVML: {error}") from None
    finally:
        pynvml.nvmlShutdown()


def _processes(pynvml: Any, handle: Any, uuid: str) -> list[GpuProcess]:
    """Each process once, though it may both compute and draw; none where the driver does not list them."""
    found: dict[int, GpuProcess] = {}
    listings: tuple[Callable[[Any], Any], ...] = (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    )
    for listing in listings:
        try:
            listed = listing(handle)
        except pynvml.NVMLError:
            continue
        for process in listed:
            try:
                name = _program(_text(pynvml.nvmlSystemGetProcessName(process.pid)))
            except pynvml.NVMLError:
                name = ""  # of another container, or gone
            used = process.usedGpuMemory
            found.setdefault(process.pid, GpuProcess(process.pid, name, uuid, None if used is None else int(used)))
    return list(found.values())


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _mib(value: str, line: str) -> int:
    if not _number(value) or int(value) > LARGEST_MIB:
        raise GpuError(f"nvidia-smi gives a size that is none: {_short(line)}")
    return int(value) * MIB


def _program(name: str) -> str:
    """A process's program without its arguments, which may hold a secret; empty when it is not told."""
    return "" if name.startswith("[") else _short(name.partition(" -")[0])


def _text(value: str | bytes) -> str:
    return _short(value if isinstance(value, str) else value.decode("utf-8", "replace"))


def _short(text: str) -> str:
    """Fit to be shown: one line, printable, not long."""
    return flat(text.partition("\n")[0][:160]).strip()
