"""AMD's and Apple's GPUs and the machine's memory: values from published outputs, in files made here.

AMD: ``rocm-smi --showmeminfo vram`` of a Radeon RX 7900 XTX beside an integrated GPU (in a public project's tests, as
recorded); ``mem_info_*`` of a Strix Halo and its machine's memory (ROCm/legacy-rocm-build#6004); device ids of the PCI
list. The shape of ``/sys/class/drm`` is the kernel documentation's, names and what is marked "made up" are ours.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleethub.clients.machine import Frame, frames, script
from fleethub.clients.other_gpus import OtherGpus, other_gpus
from fleethub.engines.cards import cards_of
from fleethub.model.readings.gpu import GpuReading, GpuState
from fleethub.model.serving import Backend, Gpu
from fleethub.sizing.devices import metal_part

GIB = 1 << 30
MIB = 1 << 20
XTX, XTX_USED, APU = 25753026560, 15960199168, 2147483648
#: 512 MiB are carved out for the GPU, and a kernel's parameter promised more of the rest than there is (124.92 GiB).
HALO_VRAM, HALO_GTT, HALO_MEMORY = 536870912, 137438953472, 130988113
MEMORY = 65536000  # kB, made up


def card(sys: Path, number: int, vendor: str, **files: str) -> None:
    folder = sys / "class" / "drm" / f"card{number}" / "device"
    folder.mkdir(parents=True)
    for name, text in {"vendor": vendor, **files}.items():
        (folder / name).write_text(text + "\n")


def read(tmp_path: Path, memory: int = MEMORY) -> OtherGpus:
    """By the real script, in a machine made of files; ``memory`` in kB."""
    proc = tmp_path / "proc"
    proc.mkdir(exist_ok=True)
    (proc / "meminfo").write_text(f"MemTotal:       {memory} kB\nMemFree:        1 kB\n")
    text = script(False, str(proc), str(tmp_path / "sys"))
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=True, timeout=60)
    return other_gpus(frames(done.stdout))


def discrete(sys: Path, number: int, vendor: str = "0x1002") -> None:
    sizes = {"mem_info_vram_total": XTX, "mem_info_vram_used": XTX_USED, "mem_info_gtt_total": 32 * GIB}
    card(
        sys, number, vendor, device="0x744c", product_name="Radeon RX 7900 XTX", **{k: str(v) for k, v in sizes.items()}
    )


def test_a_discrete_card_has_memory_of_its_own(tmp_path: Path) -> None:
    discrete(tmp_path / "sys", 0)
    discrete(tmp_path / "sys", 1, "0x10de")
    found = read(tmp_path)
    assert found.gpus == (GpuState("Radeon RX 7900 XTX", XTX, XTX_USED, XTX - XTX_USED, "sysfs-0", 0),)
    assert (found.by, found.memory) == ("sysfs", MEMORY * 1024)


def test_what_of_a_card_is_in_use_is_not_nothing_where_it_is_not_told(tmp_path: Path) -> None:
    card(tmp_path / "sys", 0, "0x1002", product_name="Radeon RX 7900 XTX", mem_info_vram_total=str(XTX))
    assert read(tmp_path).gpus == (GpuState("Radeon RX 7900 XTX", XTX, None, None, "sysfs-0", 0),)


def integrated(sys: Path, number: int, vram: int, gtt: int) -> None:
    sizes = {"mem_info_vram_total": str(vram), "mem_info_vram_used": "1", "mem_info_gtt_total": str(gtt)}
    card(sys, number, "0x1002", device="0x1586", **sizes)


def test_an_integrated_one_has_the_systems_and_no_more_than_there_is(tmp_path: Path) -> None:
    integrated(tmp_path / "sys", 0, HALO_VRAM, HALO_GTT)
    name, there = "AMD GPU 1586 (system memory)", HALO_VRAM + HALO_MEMORY * 1024
    assert read(tmp_path, HALO_MEMORY).gpus == (GpuState(name, there, None, None, "sysfs-0", 0),), "in use: not told"


def test_an_integrated_one_beside_a_card_of_its_own_is_left_alone(tmp_path: Path) -> None:
    """llama.cpp (src/llama.cpp): "add integrated GPUs only if no other devices were found"; 24 GiB, and not 58."""
    integrated(tmp_path / "sys", 0, APU, 32 * GIB)
    discrete(tmp_path / "sys", 1)
    assert [gpu.name for gpu in read(tmp_path).gpus] == ["Radeon RX 7900 XTX"]


@pytest.mark.parametrize("total", ["", "0", "-1", "nothing", "9" * 30, "5 5"])
def test_a_card_that_tells_no_size_is_none(tmp_path: Path, total: str) -> None:
    card(tmp_path / "sys", 0, "0x1002", mem_info_vram_total=total)
    assert read(tmp_path).gpus == ()


def test_no_card_at_all_is_none_and_the_memory_is_told(tmp_path: Path) -> None:
    assert read(tmp_path) == OtherGpus(memory=MEMORY * 1024)


@pytest.mark.parametrize(
    ("memory", "limit", "part"),
    [
        # recommendedMaxWorkingSetSize in llama.cpp's and whisper.cpp's logs; in MiB at first, in 10^6 bytes since
        (16, 0, 16 * GIB * 2 // 3),  # 10922.67 MB of 16 GB (abetlen/llama-cpp-python#687)
        (32, 0, 32 * GIB * 2 // 3),  # 21845.34 MB of 32 GB (ollama/ollama#434)
        (36, 0, 27 * GIB),  # 28991.03 MB, an M4 Max of 36 GB
        (64, 0, 48 * GIB),  # 51539.61 MB, an M2 Max; 64 GB as in ggml-org/llama.cpp#1870
        (96, 0, 72 * GIB),  # 73728,00 MB of 96 GB (ggml-org/llama.cpp#3213)
        (64, 57344, 56 * GIB),  # sysctl iogpu.wired_limit_mb=57344, made up
        (128, 114688, 112 * GIB),  # 112.00 GiB with iogpu.wired_limit_mb=114688 (antirez/ds4#893)
    ],
)
def test_metal_gives_a_part_of_an_apples_memory(memory: int, limit: int, part: int) -> None:
    text = f"memsize={memory * GIB}\nbrand=Apple M2 Max\nwired_limit_mb={limit}"
    found = other_gpus({"apple": Frame(0, text)})
    reading = GpuReading(found.gpus, by=found.by, memory=found.memory, metal_limit=found.metal_limit)
    assert cards_of(Backend(name="mac", host="mac"), reading, None).gpus == (("Apple M2 Max", part),)
    declared = Backend(name="mac", host="mac", memory=memory * GIB, memory_for="metal")
    without = cards_of(declared, None, None)
    assert without.gpus == (("Apple Metal", part if not limit else memory * GIB * 3 // 4),)


def test_a_newer_macos_gives_more_than_is_reckoned_and_never_less() -> None:
    """107.52 GiB of 128 (an M5 Max, macOS 26; antirez/ds4#893), 19069 MB of 24 GB (a public project's notes)."""
    for memory, seen in ((128, 107.52 * GIB), (24, 19069e6)):
        assert metal_part(memory * GIB) <= seen


def test_an_intel_mac_has_no_such_gpu() -> None:
    text = "memsize=17179869184\nbrand=Intel(R) Core(TM) i7 CPU\nwired_limit_mb="  # made up
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
    reading = GpuReading((GpuState("NVIDIA GB10", 0, None, None),), settings={}, by="nvidia-smi")
    assert cards_of(spark, reading, None).gpus == (("memory shared with the GPU", 119 * GIB),)
    assert cards_of(Backend(name="b", host="b"), reading, None).gpus == (), "unknown stays unknown"
