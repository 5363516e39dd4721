"""Compute buffers, masks and what a runtime takes per GPU: a model of the server, fitted on measured loads.

Every constant is held by ``tests/sizing/test_measured.py``; what it was fitted on is in ACCURACY.md.
"""

from __future__ import annotations

from fleethub.model.dataclass import dataclass
from fleethub.sizing.architecture import ModelArchitecture
from fleethub.sizing.devices import multiprocessors
from fleethub.sizing.kinds import LayerKind
from fleethub.sizing.run import Run, pad, ubatch

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was fitted on measured loads, each the largest that was seen, rounded up.

    ``factor_new`` and ``factor_old``: compute without its masks, measured / model, by the age of llama.cpp.
    ``per_multiprocessor``: MiB of CUDA's own memory for each of the chip's multiprocessors (0: not fitted).
    ``vulkan``: MiB per GPU.
    """

    factor_new: float = 1.1
    factor_old: float = 1.1
    per_multiprocessor: float = 4.5
    vulkan: int = 100


FITTED = Fitted()
#: MiB beside the buffers. 451-456 were measured on the largest consumer card, 751 with four GPUs and vision.
OVERHEAD = {"cuda": 500, "rocm": 500, "metal": 200, "cpu": 200}
OVERHEAD_MORE = 260
#: The most that was seen on one GPU without vision: 254 and 561 were measured on one and the same card. A load with a
#: draft, which has a second context beside the first, is taken for such a one.
OVERHEAD_MOST = 565
#: Bytes for each token of the batch and each cell that an index of sparse attention scores, beside the mask: scores and
#: masks of what it chose. Where one cell stands for many tokens their blocks overlap.
SCORED, SCORED_COMPRESSED = 6, 9
#: Copies of the masks on each of several GPUs: a pipeline keeps four, beside the one in use (248 and 256 MiB of compute
#: were measured for qwen3:8b with 32k on two devices of llama.cpp's Vulkan backend).
COPIES = 5


@dataclass(frozen=True, slots=True)
class Compute:
    """Bytes of the graph and of the masks on one GPU, and on the last one, which has the output layer too."""

    graph: int
    graph_last: int
    mask: int
    detail: str
    mask_detail: str

    def total(self, gpus: int) -> int:
        """Over all GPUs."""
        return self.graph * (gpus - 1) + self.graph_last + self.mask * gpus


def compute(model: ModelArchitecture, run: Run, fitted: Fitted = FITTED) -> Compute:
    """What one load computes in, on each of its GPUs."""
    u = ubatch(run)
    body, said = _body(model, run, u)
    factor = fitted.factor_new if run.new_compute else fitted.factor_old
    last, said_last = body, said
    if not run.new_compute:  # a row of logits for every token of the batch
        output = 4 * u * (model.n_vocab + model.n_embd)
        if output > body:
            last = output
            said_last = f"4 x batch {u:,} x (vocabulary {model.n_vocab:,} + width {model.n_embd:,})"
    mask, said_mask = _mask(model, run, u)
    detail = f"{said_last} x {factor:g}"
    if run.gpus > 1:
        detail += f" on the last GPU, {said} x {factor:g} on each other"
    return Compute(round(body * factor), round(last * factor), mask, detail, said_mask)


def _body(model: ModelArchitecture, run: Run, u: int) -> tuple[int, str]:
    """The widest point of a layer: its feed-forward, or its experts, or attention's scores without flash attention."""
    wide = (model.wide or model.n_embd) + 2 * model.streams * model.n_embd
    dense = 4 * u * (3 * model.n_ff + 2 * model.n_embd + wide)
    found = [
        (
            dense,
            f"4 x batch {u:,} x (3 x feed-forward {model.n_ff:,} + 2 x width {model.n_embd:,} + attention {wide:,})",
        )
    ]
    if model.experts_used:
        k = model.experts_used
        experts = 4 * u * (2 * k * model.n_embd + 2 * k * model.n_ff_expert + (1 + 2 * model.streams) * model.n_embd)
        said = (
            f"4 x batch {u:,} x (2 x {k} experts x (width {model.n_embd:,} + feed-forward {model.n_ff_expert:,})"
            f" + width {model.n_embd:,})"
        )
        found.append((experts, said))
    if not run.flash and model.head_count:
        cells = run.cells if run.unified else run.slot_cells
        kv = 2 * max((one.kv_heads * max(one.head_k, one.head_v) for one in model.layers), default=0)
        scores = 4 * u * (cells * model.head_count + 3 * model.n_embd + wide + kv)
        found.append(
            (scores, f"no flash attention: 4 x batch {u:,} x ({cells:,} cells x {model.head_count} heads + …)")
        )
    return max(found)


def _mask(model: ModelArchitecture, run: Run, u: int) -> tuple[int, str]:
    """One mask for the global layers and one for those with a window, per GPU."""
    each = run.cells if run.unified else run.slot_cells
    cells = 0
    if any(one.kind in (LayerKind.GLOBAL, LayerKind.MLA, LayerKind.CROSS) for one in model.layers):
        cells += each
    for ratio in {one.ratio for one in model.layers if one.kind is LayerKind.COMPRESSED}:
        cells += pad(-(-each // ratio))
    windows = {one.window for one in model.layers if one.kind is LayerKind.SLIDING}
    if windows:
        cells += min(each, pad(max(windows) * (run.parallel if run.unified else 1) + u))
    size = (2 if run.flash else 4) if run.new_compute else (6 if run.flash else 4)
    if not cells:
        return 0, "no layer attends over a cache"
    copies = 1 if run.gpus == 1 else COPIES
    if copies > 1:
        size = 2
    many = f" x {copies} copies" if copies > 1 else ""
    said = f"{size} bytes x batch {u:,} x {cells:,} cells{many}"
    scored = 0
    for ratio in {one.ratio for one in model.layers if one.kind is LayerKind.INDEX}:
        bytes_, some = (SCORED if ratio == 1 else SCORED_COMPRESSED), pad(-(-each // ratio))
        scored += bytes_ * u * some
        said += f", and {bytes_} x batch x {some:,} cells that its index scores"
    return size * u * cells * copies + scored, said


def draft_compute(model: ModelArchitecture, run: Run, u: int, fitted: Fitted = FITTED) -> int:
    """Bytes that the second context computes in: one more layer of the same width, with a mask of its own.

    Its batch is not told; 512 fit what was reported (1.1 GiB more for a 27B), and the whole batch is the most.
    """
    dense = 4 * u * (3 * model.n_ff + 2 * model.n_embd + (model.wide or model.n_embd))
    return round(dense * fitted.factor_new) + 2 * u * run.slot_cells


def overhead(model: ModelArchitecture, run: Run, fitted: Fitted = FITTED) -> tuple[int, str]:
    """Bytes that the runtime takes on each GPU outside all buffers, and why."""
    if run.runtime == "vulkan":
        return fitted.vulkan * MIB, f"{fitted.vulkan} MiB (vulkan)"
    size = OVERHEAD.get(run.runtime, OVERHEAD["cuda"])
    said = f"{size} MiB ({run.runtime})"
    many = multiprocessors(run.device) if run.runtime == "cuda" else None
    if many and fitted.per_multiprocessor:
        size = round(fitted.per_multiprocessor * many)
        said = f"{fitted.per_multiprocessor:g} MiB x {many} multiprocessors"
    if run.runtime in ("cuda", "rocm") and (run.draft or model.draft_weights) and size < OVERHEAD_MOST:
        size = OVERHEAD_MOST
        said = f"{size} MiB ({run.runtime}, with a draft)"
    if run.runtime not in ("metal", "cpu") and (run.gpus > 1 or (model.vision and run.vision)):
        size = max(size, OVERHEAD["cuda"]) + OVERHEAD_MORE
        said = f"{size} MiB ({run.runtime}, with vision or over several GPUs)"
    return size * MIB, said


def overhead_most(run: Run) -> int:
    """The most that the runtime was seen to take on one GPU, in bytes; 0 where nothing beyond its model was seen."""
    return OVERHEAD_MOST * MIB if run.runtime in ("cuda", "rocm") else 0
