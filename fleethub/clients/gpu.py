"""GPUs of this machine by NVML."""

from __future__ import annotations

from fleethub.model.facts import GpuReading, GpuState


class GpuError(Exception):
    """NVML is not there or does not answer."""


def read() -> GpuReading:
    """Name, total and free bytes of each GPU; raises GpuError."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise GpuError(f"NVML: {error}") from None
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetName(handle)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name = name if isinstance(name, str) else name.decode()
            found.append(GpuState(name, int(memory.total), int(memory.used), int(memory.free)))
        return GpuReading(tuple(found))
    except pynvml.NVMLError as error:
        raise GpuError(f"NVML: {error}") from None
    finally:
        pynvml.nvmlShutdown()
