"""The machine of a backend: its GPUs by NVML (this machine) or ``nvidia-smi`` (over SSH), and Ollama's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fleethub.clients.answer import ask
from fleethub.clients.machine import Frame, FrameError, command_lines, disk, frames, script, settings
from fleethub.clients.nvidia import GpuError, Listed, parse_gpus, parse_more, parse_processes, program, short
from fleethub.clients.other_gpus import other_gpus
from fleethub.clients.shell import Shell, ShellError
from fleethub.model.readings.gpu import GpuProcess, GpuReading, GpuSlice, GpuState

__all__ = ["GpuError", "nvml", "read_local", "read_remote"]


class NoDriver(GpuError):
    """This machine has no library of NVIDIA's, so nothing is said about its GPUs."""


def read_local(shell: Shell) -> GpuReading:
    """This machine, GPUs by NVML and settings by ``shell``; raises GpuError when both fail."""
    listed = Listed(())
    processes: tuple[GpuProcess, ...] = ()
    problem, failed = "", False
    try:
        listed, processes = nvml()
        problem = "" if listed.rows else "NVML finds no GPU"
    except GpuError as error:
        problem, failed = str(error), not isinstance(error, NoDriver)
    try:
        said = frames(ask(shell, script(gpus=False)).out)
        found, lines = settings(said), command_lines(said)
    except (ShellError, FrameError) as error:
        if problem and not failed:
            raise GpuError(f"{problem}; Ollama's settings: {error}") from None
        return GpuReading(listed.rows, processes, None, "NVML", problem, str(error), listed.lost, failed, listed.says)
    made = GpuReading(
        *(listed.rows, processes, found.values, "NVML", problem, found.says, listed.lost, failed, listed.says),
        command_lines=lines,
        disk=disk(said),
    )
    return _whole(_others(made, said))


def read_remote(shell: Shell) -> GpuReading:
    """Another machine, all in one script; raises GpuError when it tells neither GPUs nor settings."""
    try:
        answer = ask(shell, script(gpus=True))
        if answer.code:
            said = answer.err.decode("utf-8", "replace").strip()
            raise GpuError(f"the script ended with {answer.code}" + (f": {short(said)}" if said else ""))
        found = frames(answer.out)
    except (ShellError, FrameError) as error:
        raise GpuError(str(error)) from None
    told = settings(found)
    listed, nothing = Listed(()), Frame(127, "")
    problem, tool = "", found.get("gpus", nothing)
    try:
        listed = parse_gpus(tool)
    except GpuError as error:
        problem = str(error)
    gpus = parse_more(found.get("more", nothing), found.get("slices", nothing), listed.rows)
    processes, odd = parse_processes(found.get("apps", Frame(0, ""))) if gpus else ((), ())
    if not gpus and not problem:
        problem = listed.says[0] if listed.says else "nvidia-smi finds no GPU"
    failed = not gpus and not listed.lost and tool.code != 127
    says = (*listed.says, *odd)
    made = GpuReading(
        *(gpus, processes, told.values, "nvidia-smi", problem, told.says, listed.lost, failed, says),
        command_lines=command_lines(found),
        disk=disk(found),
    )
    return _whole(_others(made, found))


def _others(reading: GpuReading, found: Mapping[str, Frame]) -> GpuReading:
    """With the machine's memory, and where there is no card nor driver of NVIDIA's, with AMD's or Apple's cards."""
    other = other_gpus(found)
    reading = replace(reading, memory=other.memory, metal_limit=other.metal_limit)
    if reading.gpus or reading.failed or reading.lost or not other.gpus:
        return reading
    return replace(reading, gpus=other.gpus, by=other.by, problem="")


def _whole(reading: GpuReading) -> GpuReading:
    told = reading.gpus or reading.settings is not None or reading.command_lines
    if not told and not reading.failed and not reading.lost:
        raise GpuError(f"{reading.problem}; Ollama's settings: {reading.settings_from}")
    return reading


def nvml() -> tuple[Listed, tuple[GpuProcess, ...]]:
    """GPUs of this machine and the processes on them; a card that fails is lost and takes no other with it.

    Raises GpuError; NoDriver where there is no such library.
    """
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        none = error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND
        raise (NoDriver if none else GpuError)(f"NVML: {error}") from None
    try:
        gpus, processes, says, lost = list[GpuState](), list[GpuProcess](), list[str](), 0
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                name, uuid = _text(pynvml.nvmlDeviceGetName(handle)), _text(pynvml.nvmlDeviceGetUUID(handle))
            except pynvml.NVMLError as error:
                lost += 1
                says.append(f"NVML: GPU {index}: {error}")
                continue
            total, used, free = _memory(pynvml, handle)
            if not total:
                says.append(f"NVML does not tell the total memory of GPU {index} ({name})")
            sliced, slices = _slices(pynvml, handle)
            gpus.append(GpuState(name, total, used, free, uuid, index, _compute(pynvml, handle), sliced, slices))
            processes += _processes(pynvml, handle, uuid)
        return Listed(tuple(gpus), lost, tuple(says)), tuple(processes)
    except pynvml.NVMLError as error:
        raise GpuError(f"NVML: {error}") from None
    finally:
        pynvml.nvmlShutdown()


def _memory(pynvml: Any, handle: Any) -> tuple[int, int | None, int | None]:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError:
        return 0, None, None
    return int(memory.total), int(memory.used), int(memory.free)


def _compute(pynvml: Any, handle: Any) -> str:
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return ""
    return f"{int(major)}.{int(minor)}"


def _slices(pynvml: Any, handle: Any) -> tuple[bool, tuple[GpuSlice, ...]]:
    """Whether the card is cut, and the parts that can be told."""
    try:
        if pynvml.nvmlDeviceGetMigMode(handle)[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            return False, ()
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)
    except pynvml.NVMLError:
        return False, ()
    found = []
    for index in range(most):
        try:
            part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)
            total = int(pynvml.nvmlDeviceGetMemoryInfo(part).total)
            found.append(GpuSlice(_text(pynvml.nvmlDeviceGetName(part)), total, _text(pynvml.nvmlDeviceGetUUID(part))))
        except pynvml.NVMLError:
            continue
    return True, tuple(found)


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
                name = program(_text(pynvml.nvmlSystemGetProcessName(process.pid)))
            except pynvml.NVMLError:
                name = ""  # of another container, or gone
            used = process.usedGpuMemory
            found.setdefault(process.pid, GpuProcess(process.pid, name, uuid, None if used is None else int(used)))
    return list(found.values())


def _text(value: str | bytes) -> str:
    return short(value if isinstance(value, str) else value.decode("utf-8", "replace"))
