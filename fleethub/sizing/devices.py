"""Multiprocessors of NVIDIA's GPUs, as NVIDIA publishes them: CUDA's own memory grows with their number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

#: What the name holds, without "NVIDIA", "GeForce" and "RTX" -> streaming multiprocessors. A laptop's chip of the
#: same name has fewer, so this is an upper bound.
MULTIPROCESSORS = {
    **{"5090": 170, "5080": 84, "5070 ti": 70, "5070": 48, "5060 ti": 36, "5060": 30, "5050": 20},
    **{"4090": 128, "4080 super": 80, "4080": 76, "4070 ti super": 66, "4070 ti": 60, "4070 super": 56, "4070": 46},
    **{"4060 ti": 34, "4060": 24, "3090 ti": 84, "3090": 82, "3080 ti": 80, "3080": 70, "3070 ti": 48, "3070": 46},
    **{"3060 ti": 38, "3060": 30, "3050": 20, "2080 ti": 68, "2080 super": 48, "2080": 46, "2070": 40, "2060": 34},
    **{"1080 ti": 28, "1080": 20, "1070 ti": 19, "1070": 15, "1060": 10},
    **{"pro 6000": 188, "6000 ada": 142, "5000 ada": 100, "4500 ada": 60, "4000 ada": 48},
    **{"a6000": 84, "a5000": 64, "a4500": 56, "a4000": 48, "a2000": 26},
    **{"b200": 148, "h200": 132, "h100": 132, "a100": 108, "l40s": 142, "l40": 142, "a40": 84, "a30": 56},
    **{"a10": 72, "l4": 58, "v100": 80, "p100": 56, "t4": 40, "p40": 30},
}
_LONGEST_FIRST = sorted(MULTIPROCESSORS, key=lambda name: (-len(name), name))


@cache
def multiprocessors(name: str) -> int | None:
    """Of the GPU that a driver or an operator calls so; None for one that is not in the table."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    for known in _LONGEST_FIRST:
        if re.search(rf"\b{known}\b", words):
            return MULTIPROCESSORS[known]
    return None


#: Words of a name -> compute capability, of GPUs before Turing as NVIDIA publishes them; for drivers that do not tell.
CAPABILITIES = (
    (r"\bk(?:20|40)\w?\b", (3, 5)),
    (r"\bk80\b", (3, 7)),
    (r"\bgtx 750\b|\bm10\b", (5, 0)),
    (r"\bm(?:4|6|40|60)\b|\bgtx 9[5-8]0m?\b|\bgtx titan x\b|\bquadro m\d{4}\b", (5, 2)),
    (r"\bp100\b", (6, 0)),
    (r"\bgtx 10[5-8]0\b|\bp(?:4|6|40)\b|\bquadro p\d{3,4}\b|\btitan xp\b", (6, 1)),
    (r"\bv100\b|\btitan v\b|\bgv100\b", (7, 0)),
    (r"\bxavier\b", (7, 2)),
)


@cache
def capability(name: str) -> tuple[int, int] | None:
    """NVIDIA's compute capability of a GPU of this name; None: it is not in the table, as no newer one is."""
    words = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    return next((found for pattern, found in CAPABILITIES if re.search(pattern, words)), None)


#: Words of a GPU's name -> the library that drives it; NVIDIA's have none of these.
RUNTIMES = (
    ("cpu", r"^system memory$"),
    ("metal", r"apple|\bm[1-9]\b"),
    ("rocm", r"amd|radeon|instinct|\brx\b|\bmi\d{2,3}\w?\b"),
    ("vulkan", r"intel|\barc\b"),
)


def runtime_of(names: Iterable[str]) -> str:
    """The library that such GPUs are driven by: metal, rocm, vulkan, else cuda."""
    return _runtime(" ".join(names).lower())


@cache
def _runtime(text: str) -> str:
    if "nvidia" in text or "rtx" in text:
        return "cuda"
    return next((library for library, words in RUNTIMES if re.search(words, text)), "cuda")


def heaviest(names: Iterable[str]) -> str:
    """The one with most multiprocessors; empty when one of them is not in the table, or there is none."""
    counts = {name: multiprocessors(name) for name in names}
    if not counts or None in counts.values():
        return ""
    return max(counts, key=lambda name: counts[name] or 0)


#: What memory is called that models lie in, by who uses it. Metal's part is beside what the CPU keeps.
MEMORY = {"cpu": "system memory", "metal": "Apple Metal", "shared": "memory shared with the GPU"}
#: Of what is at most so much memory Metal gets two thirds, of more three quarters: its recommendedMaxWorkingSetSize in
#: logs of older systems, and the least that was seen (macOS 26 gave 107.52 of 128 GiB).
METAL_SMALL = 32 << 30


def in_one_memory(names: Iterable[str]) -> bool:
    """Whether what stays on the CPU lies in the same memory."""
    return any(name in (MEMORY["cpu"], MEMORY["shared"]) for name in names)


def metal_part(memory: int, limit: int = 0) -> int:
    """What Metal gives of a machine's memory; ``limit`` (iogpu.wired_limit_mb, in bytes) stands in its place."""
    return min(limit, memory) or (memory * 2 // 3 if memory <= METAL_SMALL else memory * 3 // 4)
