"""Measured loads as the estimate's questions: a row of the table becomes facts of a model and a way to run it.

``FLEETHUB_MEASURED=/path/rows.csv pytest tests/sizing/test_measured.py`` puts other rows of the same columns to
the same laws (the documentation's table and what was fitted stay those of the project's own rows).

The facts go through ``architecture_of``, as a server's do. A cell that is empty is either not needed, or the row says
what it misses (``Load.kv_lacks``, ``Load.total_lacks``) and is not judged by that number.
"""

from __future__ import annotations

import csv
import math
import os
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleethub.model.capacity import Sure
from fleethub.model.readings.server import Shown
from fleethub.sizing.architecture import ModelArchitecture, architecture_of
from fleethub.sizing.compute import FITTED, MIB, Fitted, compute
from fleethub.sizing.devices import multiprocessors
from fleethub.sizing.estimate import estimate
from fleethub.sizing.kv import kv_bytes, state_bytes
from fleethub.sizing.run import Run

OWN = Path(__file__).parents[1] / "data/vram_measured.csv"
#: Inner size of the recurrent layers by width, from the published configurations (the table has no such column).
INNER = {("qwen35", 2560): 4096, ("qwen35", 4096): 4096, ("qwen35", 5120): 6144}
#: Memory beside the buffers in MiB, of loads that have no row: what one GPU's CUDA took, and most with Vulkan.
CUDA_ELSEWHERE = {"RTX 3080 20GB": 254, "RTX 4090": 456}
VULKAN_ELSEWHERE = 81.0


@dataclass(frozen=True)
class Load:
    """One row. Sizes in MiB, None where the row does not have them."""

    id: str
    model: str
    shape: ModelArchitecture | None
    run: Run
    kv: float | None
    state: float | None
    compute: float | None
    buffers: float | None
    device: float | None  # memory of the device, after less before
    printed: float | None  # decimal GB of `ollama ps`, cut to the digits it shows
    kv_lacks: tuple[str, ...]
    total_lacks: tuple[str, ...]

    @property
    def measured(self) -> float | None:
        """The device's memory after the load, else the sum of the server's buffers."""
        return self.device if self.device is not None else self.buffers

    @property
    def judged(self) -> bool:
        """Whether its total can be compared."""
        return not self.total_lacks and self.measured is not None

    def ours(self, fitted: Fitted = FITTED) -> float:
        """Our total in MiB: with the overhead of the GPUs only where the measurement has it."""
        return self._sum(fitted, self.device is not None)

    def our_buffers(self, fitted: Fitted = FITTED) -> float:
        """Our sum of the server's buffers in MiB, without the overhead of the GPUs."""
        return self._sum(fitted, False)

    def _sum(self, fitted: Fitted, whole: bool) -> float:
        assert self.shape is not None
        rows = estimate(self.shape, self.run, fitted=fitted).rows
        return sum(r.bytes for r in rows if whole or not r.what.startswith("overhead")) / MIB

    def our_kv(self) -> float:
        """Our KV cache in MiB."""
        assert self.shape is not None
        return kv_bytes(self.shape, self.run) / MIB


def loads(path: Path | None = None) -> list[Load]:
    """All rows of a table; by default of the one that FLEETHUB_MEASURED names, else our own."""
    with (path or Path(os.environ.get("FLEETHUB_MEASURED") or OWN)).open(newline="") as file:
        return [load(row) for row in csv.DictReader(file)]


def load(row: dict[str, str | None]) -> Load:
    """A row of the table; never fails for an empty or an odd cell."""

    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    def number(name: str) -> float | None:
        try:
            value = float(text(name))
        except ValueError:
            return None
        return value if 0 <= value < 1e15 else None

    def whole(name: str) -> int | None:
        value = number(name)
        return round(value) if value is not None else None

    arch = re.split(r"[\s(]", text("arch"))[0] or "unknown"
    run = _run(text, whole)
    kv_lacks = [n for n in ("attn_layers_global", "kv_heads", "head_dim_v") if whole(n) is None]
    kv_lacks += [n for n in ("layers", "head_dim_k", "ctx_total") if not whole(n)]
    kv_lacks += [n for n in ("layers",) if (whole(n) or 0) > 4096]
    if whole("attn_layers_swa"):
        kv_lacks += [n for n in ("swa_window",) if not whole(n)]
    total_lacks = [n for n in ("n_embd",) if not whole(n)]
    if not whole("n_ff") and not (whole("n_expert_used") and whole("n_ff_expert")):
        total_lacks.append("n_ff")
    if not run.new_compute and not whole("n_vocab"):
        total_lacks.append("n_vocab")
    if not run.flash and not whole("n_heads"):
        total_lacks.append("n_heads")
    weights = number("weights_gpu_mib")
    if weights is None and not whole("file_bytes"):
        total_lacks.append("weights")
    if "vision" in text("arch") and number("smi_after_load_delta_mib") is not None:
        total_lacks.append("the projector's bytes")
    shape = None
    if not kv_lacks:
        size = round(weights * MIB) if weights is not None else whole("file_bytes") or 0
        shape = architecture_of(Shown(_info(arch, whole, number, run)), size or 1)
        if shape is None:
            kv_lacks.append("facts that make a shape")
        else:
            if weights is not None:
                shape = replace(shape, sure=Sure.EXACT, source="the server's log", low=1.0)
            shape, run = _with_draft(shape, run, number)
    return Load(
        *(text("id"), text("model"), shape, run, number("kv_mib"), number("rs_mib"), number("compute_mib")),
        *(number("buffers_total_mib"), number("smi_after_load_delta_mib"), number("ollama_size_gb")),
        *(tuple(kv_lacks), tuple(kv_lacks + total_lacks)),
    )


def _with_draft(shape: ModelArchitecture, run: Run, number: Any) -> tuple[ModelArchitecture, Run]:
    """A row has the bytes of the draft's layers, not their shape; how many drafts are kept shows in the state."""
    draft, state = number("draft_mib"), number("rs_mib")
    if not draft:
        return shape, run
    alone = state_bytes(shape, run) / MIB
    if alone and state:
        run = replace(run, draft=max(round(state / alone) - 1, 0))
    parts = [number(name) or 0 for name in ("weights_gpu_mib", "kv_mib", "rs_mib", "compute_mib")]
    apart = number("smi_after_load_delta_mib") is None and (number("buffers_total_mib") or 0) < sum(parts) + draft / 2
    return (shape if apart else replace(shape, draft_weights=round(draft * MIB))), run


def _run(text: Any, whole: Any) -> Run:
    slots = whole("parallel") or 1
    batch = whole("ubatch") or None
    return Run(
        context=max(-(-(whole("ctx_total") or 1) // slots), 1),
        parallel=slots,
        kv_type=text("kv_type_k") or "f16",
        kv_type_v=text("kv_type_v") or None,
        new_compute=text("compute_era") != "old",
        flash=text("flash_attn") != "off",
        batch=batch,
        unified=text("kv_unified") == "1",
        runtime=text("backend") or "cuda",
        gpus=whole("n_gpu") or 1,
        vision=False,  # the rows have no projector's bytes
        device=text("gpu"),
    )


def _info(arch: str, whole: Any, number: Any, run: Run) -> dict[str, Any]:
    """The row's cells as a server would tell them."""
    layers, plain, windows = whole("layers"), whole("attn_layers_global"), whole("attn_layers_swa") or 0
    heads, key, value = whole("kv_heads"), whole("head_dim_k"), whole("head_dim_v")
    width = whole("n_embd") or key  # what the cache takes does not depend on it
    keys: dict[str, Any] = {
        "block_count": layers,
        "embedding_length": width,
        "feed_forward_length": whole("n_ff"),
        "attention.head_count": whole("n_heads") or max(heads, width // key, 1),
        "attention.head_count_kv": heads,
        "attention.key_length": key,
        "attention.value_length": value or key,
        "vocab_size": whole("n_vocab"),
        "expert_used_count": whole("n_expert_used"),
        "expert_feed_forward_length": whole("n_ff_expert"),
    }
    if not value:  # a compressed cache without V
        keys |= {"attention.key_length_mla": key, "attention.kv_lora_rank": key - 64, "rope.dimension_count": 64}
    rest = max(layers - plain - windows, 0)
    kinds = ["sliding"] * windows + ["global"] * plain + ["recurrent"] * rest
    if windows:
        keys |= {
            "attention.sliding_window": whole("swa_window"),
            "attention.sliding_window_pattern": [kind == "sliding" for kind in kinds],
            "attention.key_length_swa": whole("swa_head_dim") or key,
            "attention.value_length_swa": whole("swa_head_dim") or value,
        }
    if windows or (rest and (not plain or layers % plain)):
        by_kind = {"sliding": whole("swa_kv_heads") or heads, "global": heads, "recurrent": 0}
        keys["attention.head_count_kv"] = [by_kind[kind] for kind in kinds]
    if rest:
        if "attention.head_count_kv" in keys and not isinstance(keys["attention.head_count_kv"], list):
            keys["full_attention_interval"] = layers // plain
        inner = INNER.get((arch, width))
        state = number("rs_mib")
        if inner is None and state:  # solved from the log
            inner = max(round((state * MIB / 4 / rest / run.parallel - 3 * 2 * 16 * 128) / (128 + 3)), 1)
        if inner:
            keys |= {"ssm.conv_kernel": 4, "ssm.inner_size": inner, "ssm.state_size": 128, "ssm.group_count": 16}
    return {"general.architecture": arch, **{f"{arch}.{name}": v for name, v in keys.items() if v is not None}}


def our_state(one: Load) -> float:
    """Our recurrent state in MiB."""
    assert one.shape is not None
    return state_bytes(one.shape, one.run) / MIB


def fit(rows: Iterable[Load]) -> Fitted:
    """The few numbers of ``compute.py`` from these rows: the largest that each needs, a step of care on top.

    Compute is never less than its model says. What a runtime takes was also measured on loads whose rows are not
    in the table; those measurements belong to the fit.
    """
    plain = Fitted(1.0, 1.0, 0.0, 0)
    new, old, vulkan = [1.0], [1.0], [VULKAN_ELSEWHERE]
    chip = [size / (multiprocessors(gpu) or 1) for gpu, size in CUDA_ELSEWHERE.items()]
    for one in rows:
        if not one.judged or one.shape is None or one.run.gpus > 1:
            continue
        work = compute(one.shape, one.run, plain)
        if one.compute is not None:
            (new if one.run.new_compute else old).append((one.compute - work.mask / MIB) * MIB / work.graph_last)
        if one.device is None:
            continue
        if one.run.runtime == "vulkan" and one.buffers is not None:
            vulkan.append(one.device - one.buffers)
        many = multiprocessors(one.run.device)
        if one.run.runtime == "cuda" and many and one.shape.sure is Sure.EXACT:
            chip.append((one.device - one.our_buffers(plain)) / many)
    return Fitted(
        factor_new=_up(max(new) + 0.05, 0.05),
        factor_old=_up(max(old) + 0.05, 0.05),
        per_multiprocessor=_up(max(chip) + 0.25, 0.25),
        vulkan=round(_up(max(vulkan), 25)),
    )


def _up(value: float, step: float) -> float:
    """Rounded up to a whole step."""
    return round(math.ceil(round(value / step, 6)) * step, 6)


def limit(measured: float) -> float:
    """How far above a measured total ours may be, in MiB."""
    return max(0.10 * measured, 600.0)


ABOUT = """# How accurate the estimate is

Made by `python -m tests.sizing.measured`, and held to be the same as what the code computes by
`tests/sizing/test_measured.py`. The loads are public server logs and benchmarks, one row each, with their sources in
`tests/data/vram_measured.csv`. Sizes in MiB.

**Measured** is the device's memory after the load less before ("device"), else the sum of the server's own buffers
("buffers"), which has no overhead of the GPU; ours leaves that row out then. **Left out** is the difference when all
rows of this model are taken away from what is fitted, so that nothing of it was known.

Goals: never below; at most 10 % or 600 MiB above, whichever is more; the median at most 4 % above; the KV cache
within 0.6 %.
"""
LIMITS = """
`fleethub capacity BACKEND --check` makes such rows of a fleet's own models: it loads each that is planned on an Ollama
once, shows its buffers by `/api/ps` and what the driver counts more on the cards beside what is reckoned, and the score
of these estimates: how many, the median, the lowest and highest difference, how many took more than the upper end.

## What is fitted

Weights, KV cache and recurrent state are counted, not fitted. Four numbers are, on all models at once: {fitted}.
Each is the largest that any load needs, with a step of care on top, so ours lies above what most loads take.
CUDA's own memory was also measured on loads without a row here (254 MiB on an RTX 3080 20GB, 456 on an RTX 4090), and
Vulkan's (81 at most); both belong to the fit. 4.5 MiB per multiprocessor holds for one GPU whose name is known; 500 MiB
stand for any other, 760 with vision or over several GPUs, where 751 were measured, and 565 with a draft: 561 were seen
once on the RTX 3080 that took 254, in a configuration that is not told, and a draft has a second context there.
An H200 (132 multiprocessors, driver 580.159) told of 143,771 MiB in all, of which used and free were 143,156 together:
CUDA's own total, and what is reckoned with. A bare CUDA context took 527 MiB of it, 595 with cuBLAS; ours is 594, which
is 1 MiB below what was seen there. Over several GPUs each keeps five masks, four of the pipeline and the one in use:
248 and 256 MiB of compute were measured for qwen3:8b with 32k on two devices of llama.cpp's Vulkan backend, where ours
is 266 each.

## What it does not tell

* A file without its tensor list is counted whole: where its embedding stays on the CPU, ours is 3 to 8 % too high.
* After the load, not at its peak: a long prompt with mixture-of-experts on Vulkan took up to 1.9 GiB more for a while.
* Before llama.cpp b9800 or so, ours counts masks in both precisions; some builds reuse that memory (`gemma-3-4b-it`).
* ROCm (500 MiB) and Metal (200 MiB): no load here tells what they take beside their buffers.
* Caches and states of 14 architectures, small ones of DeepSeek V3.2 and V4, Kimi Linear, Laguna, MiMo V2, Step 3.5,
  Mamba 2 and Jamba among them, are those that llama.cpp 0.6.0 allocates (`tests/real/test_llamacpp.py`). What an index
  of sparse attention scores was fitted on its CPU backend: 8 bytes for each cell and token of the batch, where a mask
  alone has 2, or 11 for each cell that stands for 4 tokens. A GPU's own way of it was not seen.
* An architecture that is not in `fleethub/sizing/known.py`, or a key that is not reckoned with (`num_loops`), is said,
  and its cache lies between nothing and twice what its other keys say.
* Buffers of nine architectures, one and two devices and 4,096 to 65,536 tokens (131,072 of the
  two whose keys of a layer fit into one of its buffers, of 128 MiB) are held against llama.cpp 0.5.0's own
  Vulkan backend on a device in software (`tests/real/test_llamacpp_gpu.py`): compute and masks never below, at most
  35 % above on each device, the whole within 4 %. That proves formulas and splits; what CUDA takes for itself it does
  not show, nor loads without flash attention, which that device leaves to the CPU.
* Vision, drafts and several GPUs: the rows here have no bytes of a projector to compare with; the formulas are tested
  on published numbers alone. A draft of a 27B was reported to take 1.1 GiB, which is what ours says; how large its
  batch is was not told, so the range reaches up to a whole one.

Known exceptions to "never below":

* The layers of a draft with a file of its own are guessed from its bytes, by the widest layer of the model.
* Between 0.13 and 0.24 a model outside Ollama's list for flash attention (`llama`, `qwen2`, ...) may run without it and
  then computes in more; declare `flash_attention = false` to have that counted.
* A prompt's peak (above) is in no estimate.
* `ollama ps` rounds down to whole gigabytes, so its rows are only compared with the range that it prints.
"""


def accuracy() -> str:
    """The documentation's page, of the project's own rows and the constants in the code."""
    rows = loads(OWN)
    judged = [one for one in rows if one.judged]
    head = "| load | model | of | measured | ours | difference | left out | KV measured | KV ours |"
    lines = [ABOUT, head, "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    for one in judged:
        assert one.measured is not None
        ours, out = one.ours(), one.ours(fit(r for r in rows if r.model != one.model))
        cache = f"{one.kv:,.2f} | {one.our_kv():,.2f}" if one.kv is not None else " | "
        lines.append(
            f"| {one.id} | {one.model} | {'device' if one.device is not None else 'buffers'} | {one.measured:,.0f} "
            f"| {ours:,.0f} | {_over(ours, one.measured)} | {_over(out, one.measured)} | {cache} |"
        )
    lines += [
        "",
        f"{len(judged)} totals: median {statistics.median(over(one) for one in judged):+.1%}, "
        f"from {min(over(one) for one in judged):+.1%} to {max(over(one) for one in judged):+.1%}.",
        "",
        "Rows without a total to compare:",
        "",
        "| load | model | why | KV measured | KV ours |",
        "|---|---|---|---:|---:|",
    ]
    for one in rows:
        if one.judged:
            continue
        why = f"no {', '.join(one.total_lacks)}" if one.total_lacks else "no measured total"
        if one.printed is not None:
            why += f"; `ollama ps` printed {one.printed:g} GB"
            why += f", our buffers are {one.our_buffers() * MIB / 1e9:.1f} GB" if not one.total_lacks else ""
        cache = f"{one.kv:,.2f} | {one.our_kv():,.2f}" if one.kv is not None and not one.kv_lacks else " | "
        lines.append(f"| {one.id} | {one.model} | {why} | {cache} |")
    fitted = (
        f"compute x {FITTED.factor_new:g} (new builds) and x {FITTED.factor_old:g} (old), "
        f"{FITTED.per_multiprocessor:g} MiB per multiprocessor with CUDA, {FITTED.vulkan} MiB per GPU with Vulkan"
    )
    return "\n".join(lines) + "\n" + LIMITS.format(fitted=fitted)


def over(one: Load) -> float:
    """How far ours is above the measured total, as a share of it."""
    assert one.measured is not None
    return one.ours() / one.measured - 1


def _over(ours: float, measured: float) -> str:
    return f"{ours - measured:+,.0f} ({ours / measured - 1:+.1%})"


if __name__ == "__main__":
    print(accuracy(), end="")
