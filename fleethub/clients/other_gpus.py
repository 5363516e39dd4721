"""GPUs that are not NVIDIA's, from what the machine's own files and tools tell: AMD by sysfs, Apple by sysctl. Pure.

AMD: ``mem_info_vram_total``, ``mem_info_vram_used``, ``mem_info_gtt_total`` in bytes, as docs.kernel.org has them
(gpu/amdgpu/driver-misc). Apple: ``hw.memsize``, ``machdep.cpu.brand_string``, ``iogpu.wired_limit_mb``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleethub.clients.machine import Frame
from fleethub.clients.nvidia import short
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.gpu import GpuState

MIB = 1 << 20
LARGEST = 1 << 50  # bytes of memory of one machine, beyond which a number is none
#: A carve-out up to this, beside far more of the system's memory, is no memory of the GPU's own.
CARVE_OUT, FAR_MORE = 4 << 30, 4
SYSTEM = " (system memory)"


@dataclass(frozen=True, slots=True)
class OtherGpus:
    """GPUs (none: not told), ``by`` whom, and the machine's memory with Metal's own limit of it, in bytes.

    An Apple's GPU is as large as the memory, of which Metal gives a part.
    """

    gpus: tuple[GpuState, ...] = ()
    by: str = ""
    memory: int = 0
    metal_limit: int = 0


def other_gpus(found: Mapping[str, Frame]) -> OtherGpus:
    """What the frames of the machine's script tell."""
    nothing = Frame(127, "")
    memory = _number(found.get("memory", nothing).text.strip()) * 1024
    apple = dict(line.partition("=")[::2] for line in found.get("apple", nothing).text.splitlines())
    if (size := _number(apple.get("memsize", ""))) and apple.get("brand", "").startswith("Apple"):
        limit = _number(apple.get("wired_limit_mb", "")) * MIB
        return OtherGpus((GpuState(short(apple["brand"]), size, None, None),), "sysctl", size, limit)
    gpus = tuple(_amd(found.get("amd", nothing).text, memory))
    own = tuple(gpu for gpu in gpus if not gpu.name.endswith(SYSTEM))
    gpus = own or gpus  # servers leave an integrated one alone beside a card of its own memory
    return OtherGpus(gpus, "sysfs" if gpus else "", memory)


def _amd(text: str, memory: int) -> Iterator[GpuState]:
    """One card a line: vram total, vram used, gtt total, name; a line that is none is left out."""
    for index, line in enumerate(text.splitlines()):
        parts = line.split(" ", 3)
        total, used, gtt = (_number(part) for part in (*parts, "", "", "")[:3])
        if len(parts) < 4 or total < MIB or used > total:
            continue
        name = short(parts[3].strip()) or "GPU"
        name = name if "amd" in name.lower() or "radeon" in name.lower() else f"AMD {name}"
        if total <= CARVE_OUT and gtt >= FAR_MORE * total:  # its memory is the system's
            there = min(gtt, memory) if memory else gtt  # a kernel's parameter may promise more than there is
            yield GpuState(f"{name}{SYSTEM}", total + there, None, None, f"sysfs-{index}", index)
        else:
            told = parts[1].isdigit()
            yield GpuState(name, total, used if told else None, total - used if told else None, f"sysfs-{index}", index)


def _number(text: str) -> int:
    """A whole number that some bytes may be; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 and int(text) < LARGEST else 0
