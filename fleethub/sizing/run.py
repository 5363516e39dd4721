"""How a model would be run: what the operator, the route and the server decide."""

from __future__ import annotations

from fleethub.model.dataclass import dataclass

PAD = 256


@dataclass(frozen=True, slots=True)
class Run:
    """One load. ``context`` in tokens per slot, ``parallel`` slots; ``kv_type_v``: that of V where it differs.

    ``new_compute``: llama.cpp since about b9800. ``batch``: None: by the size of the context. ``unified``:
    one cache for all slots. ``runtime``: cuda, vulkan, rocm or metal. ``vision``: the projector is loaded too.
    ``draft``: tokens that a multi-token prediction keeps per slot, 0 without. ``device``: the GPU's name ("": any).
    ``one_memory``: what stays on the CPU lies in the same memory.
    """

    context: int
    parallel: int = 1
    kv_type: str = "f16"
    new_compute: bool = True
    flash: bool = True
    batch: int | None = None
    unified: bool = False
    runtime: str = "cuda"
    gpus: int = 1
    kv_type_v: str | None = None
    vision: bool = True
    draft: int = 0
    device: str = ""
    one_memory: bool = False

    def __post_init__(self) -> None:
        if self.context < 1 or self.parallel < 1 or self.gpus < 1 or (self.batch is not None and self.batch < 1):
            raise ValueError(f"context, parallel, gpus and batch are 1 or more: {self}")

    @property
    def types(self) -> tuple[str, str]:
        """Types of K and V: a quantised cache needs flash attention, and is f16 without it."""
        both = (self.kv_type.lower(), (self.kv_type_v or self.kv_type).lower())
        if self.flash:
            return both
        plain = tuple(kind if kind in ("f32", "f16", "bf16") else "f16" for kind in both)
        return plain[0], plain[1]

    @property
    def slot_cells(self) -> int:
        """Cells of one slot's cache: its context in whole 256s."""
        return pad(self.context)

    @property
    def cells(self) -> int:
        """Cells of a global layer over all slots."""
        return pad(self.context * self.parallel) if self.unified else self.slot_cells * self.parallel


def pad(tokens: int) -> int:
    """Rounded up to whole 256s."""
    return -(-tokens // PAD) * PAD


def ubatch(run: Run) -> int:
    """The micro-batch: as set, else by the context over all slots."""
    if run.batch is not None:
        return run.batch
    if not run.new_compute or (run.runtime == "cuda" and not run.flash):
        return 512
    total = run.context * run.parallel
    return 512 if total <= 4096 else 1024 if total <= 32768 else 2048
