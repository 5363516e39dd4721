"""AMD's and Apple's GPUs and the machine's memory, from files and outputs as published."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleethub.clients.machine import Frame, frames, script
from fleethub.clients.other_gpus import OtherGpus, other_gpus
from fleethub.engines.cards import cards_of
from fleethub.model.facts import GpuReading, GpuState
from fleethub.model.fleet import Backend, Gpu

GIB = 1 << 30
MIB = 1 << 20
#: Bytes as the kernel's own files have them: of a Radeon RX 7900 XTX (rocm-smi --showmeminfo vram prints the same
#: 25753026560), of a Strix Halo with its 512 MiB carve-out and half of 128 GiB as GTT.
XTX, HALO_VRAM, HALO_GTT = 25753026560, 536870912, 67108864000


def card(sys: Path, number: int, vendor: str, **files: str) -> None:
    folder = sys / "class" / "drm" / f"card{number}" / "device"
    folder.mkdir(parents=True)
    for name, text in {"vendor": vendor, **files}.items():
        (folder / name).write_text(text + "\n")


def read(tmp_path: Path) -> OtherGpus:
    """By the real script, in a machine made of files."""
    proc = tmp_path / "proc"
    proc.mkdir(exist_ok=True)
    (proc / "meminfo").write_text("MemTotal:       131924780 kB\nMemFree:        1 kB\n")
    text = script(False, str(proc), str(tmp_path / "sys"))
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=True, timeout=60)
    return other_gpus(frames(done.stdout))


def test_a_discrete_card_has_memory_of_its_own(tmp_path: Path) -> None:
    vram = {"mem_info_vram_total": str(XTX), "mem_info_vram_used": "26345472", "mem_info_gtt_total": str(67 << 30)}
    card(tmp_path / "sys", 0, "0x1002", device="0x744c", product_name="Navi 31 [Radeon RX 7900 XTX]", **vram)
    card(tmp_path / "sys", 1, "0x10de", device="0x2204", **vram)
    found = read(tmp_path)
    assert found.gpus == (GpuState("Navi 31 [Radeon RX 7900 XTX]", XTX, 26345472, XTX - 26345472, "sysfs-0", 0),)
    assert (found.by, found.memory) == ("sysfs", 131924780 * 1024)


def test_an_integrated_one_has_the_systems(tmp_path: Path) -> None:
    card(
        tmp_path / "sys",
        *(0, "0x1002"),
        device="0x1586",
        mem_info_vram_total=str(HALO_VRAM),
        mem_info_vram_used="1",
        mem_info_gtt_total=str(HALO_GTT),
    )
    assert read(tmp_path).gpus == (GpuState("AMD GPU 1586 (system memory)", HALO_VRAM + HALO_GTT, 0, 0, "sysfs-0", 0),)


@pytest.mark.parametrize("total", ["", "0", "-1", "nothing", "9" * 30, "5 5"])
def test_a_card_that_tells_no_size_is_none(tmp_path: Path, total: str) -> None:
    card(tmp_path / "sys", 0, "0x1002", mem_info_vram_total=total)
    assert read(tmp_path).gpus == ()


def test_no_card_at_all_is_none_and_the_memory_is_told(tmp_path: Path) -> None:
    assert read(tmp_path) == OtherGpus(memory=131924780 * 1024)


@pytest.mark.parametrize(
    ("memory", "limit", "part"),
    [
        (16, 0, 16 * GIB * 2 // 3),
        (36, 0, 27 * GIB),  # an M3 Max of 36 GB logs recommendedMaxWorkingSetSize = 28991.03 MB
        (64, 0, 48 * GIB),  # an M2 Max of 64 GB logs 51539.61 MB
        (64, 57344, 56 * GIB),  # sysctl iogpu.wired_limit_mb=57344
    ],
)
def test_metal_gives_a_part_of_an_apples_memory(memory: int, limit: int, part: int) -> None:
    text = f"memsize={memory * GIB}\nbrand=Apple M2 Max\nwired_limit_mb={limit}"
    found = other_gpus({"apple": Frame(0, text)})
    reading = GpuReading(found.gpus, by=found.by, memory=found.memory, metal_limit=found.metal_limit)
    assert cards_of(Backend(name="mac", host="mac"), reading, None).gpus == (("Apple M2 Max", part),)
    declared = Backend(name="mac", host="mac", memory=memory * GIB, memory_for="metal")
    without = cards_of(declared, None, None)
    assert without.gpus == (("Apple Metal", part if not limit else 48 * GIB),)


def test_an_intel_mac_has_no_such_gpu() -> None:
    text = "memsize=17179869184\nbrand=Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz\nwired_limit_mb="
    assert other_gpus({"apple": Frame(0, text)}).gpus == ()


# ---- memory that models lie in


def test_declared_memory_is_a_card_where_there_is_no_other() -> None:
    plain = Backend(name="b", host="b", memory=128 * GIB)
    assert cards_of(plain, None, None).gpus == (("system memory", 128 * GIB),)
    less = GpuReading((), settings={}, memory=64 * GIB, problem="no nvidia-smi")
    assert cards_of(plain, less, None).gpus == (("system memory", 64 * GIB),), "what is there is less"
    more = GpuReading((), settings={}, memory=127 * GIB, problem="no nvidia-smi")
    assert cards_of(plain, more, None).gpus == (("system memory", 128 * GIB),), "within what the firmware keeps"


def test_a_gpu_of_its_own_or_a_driver_that_fails_is_no_memory() -> None:
    own = Backend(name="b", host="b", memory=128 * GIB, gpus=(Gpu(name="RTX 3090", vram=24 * GIB),))
    assert cards_of(own, None, None).gpus == (("RTX 3090", 24 * GIB),)
    failed = GpuReading((), problem="driver/library version mismatch", failed=True, settings={})
    assert cards_of(Backend(name="b", host="b", memory=128 * GIB), failed, None).gpus == ()


def test_a_gpu_that_tells_no_size_shares_what_is_declared() -> None:
    """GB10: nvidia-smi writes [N/A] for its memory (ollama#16610)."""
    spark = Backend(name="b", host="b", memory=119 * GIB, memory_for="shared")
    reading = GpuReading((GpuState("NVIDIA GB10", 0, 0, 0),), settings={}, by="nvidia-smi")
    assert cards_of(spark, reading, None).gpus == (("memory shared with the GPU", 119 * GIB),)
    assert cards_of(Backend(name="b", host="b"), reading, None).gpus == (), "unknown stays unknown"
