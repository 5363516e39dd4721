"""Which cards a server may use: its mask, the declaration, and what a driver does not tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleethub.engines.cards import Cards, cards_of
from fleethub.model.capacity import Fit
from fleethub.model.readings.gpu import GpuReading, GpuSlice, GpuState
from fleethub.model.serving import Backend, Gpu
from fleethub.placement.assess import assess
from fleethub.placement.planned import planned_sets
from tests.engines.support import GIB, facts, fleet, model, node

MIB = 1 << 20
A6000 = GpuState("RTX A6000", 48 * GIB, 0, 48 * GIB, "GPU-1111", 0, "8.6")
SMALL = GpuState("RTX 3070", 8 * GIB, 0, 8 * GIB, "GPU-2222", 1, "8.6")
FOUR = tuple(GpuState("RTX 4090", 24 * GIB, 0, 24 * GIB, f"GPU-{n}{n}{n}{n}", n, "8.9") for n in range(4))
CUT = replace(
    A6000,
    name="A100",
    sliced=True,
    slices=(GpuSlice("3g.20gb", 19 * GIB, "MIG-aaaa"), GpuSlice("1g.5gb", 4 * GIB, "MIG-bbbb")),
)
RADEON = tuple(GpuState("AMD Radeon RX 7900", 24 * GIB, 0, 24 * GIB, f"GPU-r{n}xx", n) for n in range(2))


def cards(seen: GpuReading | None, *declared: int, env: dict[str, str] | None = None) -> Cards:
    backend = Backend(name="gpu", host="h", gpus=tuple(Gpu(name=f"d{n}", vram=s * GIB) for n, s in enumerate(declared)))
    return cards_of(backend, seen, env)


def read(*gpus: GpuState, **more: object) -> GpuReading:
    return GpuReading(gpus, (), None, "nvidia-smi", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("env", "sizes"),
    [
        ({}, [48, 8]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [8]),
        ({"CUDA_VISIBLE_DEVICES": "0"}, [48]),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, [8, 48]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-2222"}, [8]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-22"}, [8]),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, [8]),
        ({"CUDA_VISIBLE_DEVICES": "0,9"}, [48]),  # CUDA's rule: those before the first that is none
        ({"CUDA_VISIBLE_DEVICES": "1,GPU-9999,0"}, [8]),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, [48, 8]),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, [48, 8]),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-2222"}, [8]),
        ({"NVIDIA_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "0"}, [8]),  # the container's first
        ({"ROCR_VISIBLE_DEVICES": "1"}, [48, 8]),  # not NVIDIA's
    ],
)
def test_a_mask_of_the_servers_own_environment(env: dict[str, str], sizes: list[int]) -> None:
    found = cards(read(A6000, SMALL), 48, 8, env=env)
    assert [total // GIB for _, total in found.gpus] == sizes
    assert bool(found.by) is bool(sizes)
    if not sizes:
        assert "hides every GPU" in found.says[0]


@pytest.mark.parametrize(
    "value", ["9", "GPU-9999", "MIG-x", "banana", "?", "GPU-", "²", "²:0", "0:²", "9" * 5000, "0:" + "9" * 5000, "-2"]
)
def test_a_mask_that_matches_nothing_leaves_the_declaration(value: str) -> None:
    found = cards(read(*FOUR), 24, env={"CUDA_VISIBLE_DEVICES": value})
    assert (found.gpus, found.by, found.declared) == ((("d0", 24 * GIB),), "declared", True)
    assert "matches none" in found.says[0]
    undeclared = cards(read(*FOUR), env={"CUDA_VISIBLE_DEVICES": value})
    assert (undeclared.gpus, undeclared.by) == ((), ""), "it hides some, and which is not known"
    assert "none are declared" in undeclared.says[0]
    beside = Backend(name="gpu", host="h", memory=128 * GIB)
    assert cards_of(beside, read(*FOUR), {"CUDA_VISIBLE_DEVICES": value}).gpus == (), "its memory is not their place"
    hidden = cards_of(beside, read(*FOUR), {"CUDA_VISIBLE_DEVICES": ""}).gpus
    assert hidden == (("system memory", 128 * GIB),), "all are hidden: that is known"


def test_the_declaration_wins_where_it_is_smaller_and_nothing_else_is_known() -> None:
    assert cards(read(*FOUR), 24).gpus == (("d0", 24 * GIB),)
    assert len(cards(read(*FOUR), 24, env={}).gpus) == 4  # no mask in an environment that was read
    assert cards(read(FOUR[0]), 24, 24).gpus == (("RTX 4090", 24 * GIB),)
    assert cards(read(replace(FOUR[0], total=24564 * MIB)), 24).by == "nvidia-smi"  # makers round
    assert cards(None, 24).by == "declared"


def test_cuda_counts_the_fastest_first() -> None:
    """Whether 0 is the small card depends on CUDA_DEVICE_ORDER: the smaller counts, and it is said."""
    turned = read(replace(SMALL, index=0), replace(A6000, index=1))
    found = cards(turned, env={"CUDA_VISIBLE_DEVICES": "0"})
    assert [total // GIB for _, total in found.gpus] == [8]
    assert "PCI_BUS_ID" in found.says[0]
    sure = cards(turned, env={"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    assert ([total // GIB for _, total in sure.gpus], sure.says) == ([48], ())


def test_a_cut_card_is_used_by_its_part() -> None:
    assert [total // GIB for _, total in cards(read(CUT), env={}).gpus] == [4]
    assert [total // GIB for _, total in cards(read(CUT)).gpus] == [4]
    assert cards(read(CUT), env={"CUDA_VISIBLE_DEVICES": "MIG-aaaa"}).gpus == (("A100 3g.20gb", 19 * GIB),)
    assert cards(read(CUT), env={"NVIDIA_VISIBLE_DEVICES": "0:1"}).gpus == (("A100 1g.5gb", 4 * GIB),)


def test_amd_and_vulkan_have_masks_of_their_own() -> None:
    seen = GpuReading(RADEON, (), None, "rocm-smi")
    assert len(cards(seen, env={"ROCR_VISIBLE_DEVICES": "0"}).gpus) == 1
    assert len(cards(seen, env={"HIP_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "0,1"}).gpus) == 1
    assert len(cards(seen, env={"GGML_VK_VISIBLE_DEVICES": "0"}).gpus) == 2
    arc = GpuReading(tuple(replace(g, name="Intel Arc A770") for g in RADEON))
    assert len(cards(arc, env={"GGML_VK_VISIBLE_DEVICES": "0"}).gpus) == 1


def test_what_the_driver_keeps_for_itself_is_not_there() -> None:
    """As an H200 told it: CUDA's total is what is used and what is free."""
    h200 = GpuState("NVIDIA H200", 143771 * MIB, 0, 143156 * MIB, "GPU-8490", 0, "9.0")
    assert cards(read(h200)).gpus == (("NVIDIA H200", 143156 * MIB),)
    assert cards(read(replace(h200, used=None))).gpus == (("NVIDIA H200", 143771 * MIB),)
    small = GpuState("RTX 4060 Ti", 16380 * MIB, 0, 15974 * MIB)
    assert cards(read(small), 16).by == "nvidia-smi"  # 16 GiB as declared, and no other card


def test_what_a_driver_does_not_tell_is_never_more_than_the_declaration() -> None:
    untold = replace(FOUR[1], total=0, used=None, free=None)
    assert cards(read(FOUR[0], untold), 24, 12).gpus == (("RTX 4090", 24 * GIB), ("RTX 4090", 12 * GIB))
    assert cards(read(FOUR[0], untold)).gpus == (("RTX 4090", 24 * GIB),)
    assert cards(read(untold), 24).gpus == (("RTX 4090", 24 * GIB),)
    assert cards(read(lost=1, says=("Unable to …",)), 24, 12).gpus == (("d1", 12 * GIB),)
    assert cards(read(lost=1), 24).by == ""
    failed = cards(read(failed=True, problem="Driver/library version mismatch"), 24)
    assert (failed.gpus, failed.says) == ((), ("Driver/library version mismatch",))


@pytest.mark.parametrize(
    ("seen", "fits", "code"),
    [
        (replace(read(A6000, SMALL), settings={"CUDA_VISIBLE_DEVICES": "1"}), Fit.EXCEEDS, "backend.gpus-differ"),
        (read(replace(FOUR[0], total=24564 * MIB)), Fit.EXCEEDS, "backend.gpus-differ"),
        (read(FOUR[0], lost=1, says=("Unable to determine …",)), Fit.EXCEEDS, "backend.machine-odd"),
        (read(failed=True, problem="Driver/library version mismatch"), Fit.UNKNOWN, "backend.machine-unread"),
        (read(A6000, says=("WARNING: infoROM is corrupted",)), Fit.FITS, "backend.machine-odd"),
    ],
)
def test_no_odd_answer_ends_in_fits(seen: GpuReading, fits: Fit, code: str) -> None:
    """40 GiB on a host that declares one card of 48."""
    f = fleet({"a": model("a", vram=40 * GIB)}, node("n", "a"), ssh="local")
    found = assess(f, f.backends["gpu"], facts(gpu=seen), (), planned_sets(f)["gpu"])
    assert found.verdict is not None
    assert found.verdict.fit is fits
    said = [finding for finding in found.findings if finding.code == code]
    assert said
    assert all('name = "RTX A6000"' not in finding.hint for finding in said)


def test_only_cudas_own_mask_ends_at_what_is_no_card() -> None:
    """A container is given nothing by a card that is not there, and of ROCm's masks no such rule is documented."""
    assert cards(read(*FOUR), 24, env={"NVIDIA_VISIBLE_DEVICES": "0,9"}).declared
    seen = GpuReading(RADEON, (), None, "rocm-smi")
    assert cards(seen, 24, env={"HIP_VISIBLE_DEVICES": "0,9"}).declared
