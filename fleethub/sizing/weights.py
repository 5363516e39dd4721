"""Where a model's weights lie: bytes on the GPUs, on the CPU, of the projector, of the draft layers."""

from __future__ import annotations

from collections.abc import Sequence

from fleethub.model.capacity import Sure
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.server import Tensor
from fleethub.sizing.gguf_metadata import GgufMetadata, UntoldError, block_of
from fleethub.sizing.quant import bits_per_weight, tensor_bytes

MIB = 1 << 20
#: What a file holds beside its tensors (vocabulary, chat template): the list is whole when it is this close.
HEADER = 64 * MIB


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes by place; ``beside``: of a projector that has a file of its own.

    ``low`` and ``high``: the factors of ``gpu`` it lies between; ``detail``: the arithmetic.
    """

    gpu: int
    cpu: int
    projector: int
    draft: int
    sure: Sure
    source: str
    detail: str
    low: float = 1.0
    high: float = 1.0
    beside: int = 0


def weights_of(keys: GgufMetadata, size: int, main: int) -> Weights:
    """From the tensor list when it is whole, else the file. ``main``: blocks that are not for drafting."""
    sums = _sums(keys.shown.tensors, main, bool(keys.count("nextn_predict_layers"))) if keys.shown.tensors else None
    size = size if type(size) is int and size > 0 else 0
    vision = _has_vision(keys)
    if sums is not None:
        text = sums.gpu + sums.cpu + sums.draft - sums.twice
        beside = size - text - sums.projector
        apart = 0
        if keys.shown.draft and not vision and beside > 0:
            sums.draft, apart, beside = sums.draft + beside, beside, 0  # a file of its own
        if vision and not sums.projector and 0 < beside <= max(text // 2, 4 << 30):
            sums.projector, apart, beside = beside, beside, 0  # what the blobs hold beside the text
        if not size or beside <= max(HEADER, size // 50):
            said = f"{len(keys.shown.tensors)} tensors" + (
                f", {_mib(sums.cpu)} of them stay on the CPU" * bool(sums.cpu)
            )
            said += f"; the embedding of {_mib(sums.twice)} is on both sides" * bool(sums.twice)
            return Weights(
                *(sums.gpu, sums.cpu, sums.projector, sums.draft, Sure.EXACT, "tensor list", f"sum over {said}"),
                beside=apart,
            )
    if not size:
        raise UntoldError("neither its tensors nor its file size are known")
    cpu = sums.cpu - sums.twice if sums is not None else 0
    cpu = min(max(cpu, 0), size // 2)
    kept = f" less {_mib(cpu)} that stay on the CPU" if cpu else ""
    return Weights(size - cpu, cpu, 0, 0, Sure.ESTIMATED, "file size", f"file of {_mib(size)}{kept}", 0.85, 1.0)


@dataclass(slots=True)
class _Sums:
    gpu: int = 0
    cpu: int = 0
    twice: int = 0
    projector: int = 0
    draft: int = 0


def _sums(tensors: Sequence[Tensor], main: int, drafts: bool) -> _Sums | None:
    """None when a tensor's type or shape is not known: the file's size is then the better number."""
    sums = _Sums()
    tied = not any(t.name == "output.weight" for t in tensors)
    for tensor in tensors:
        size = tensor_bytes(tensor.type, tensor.shape)
        if size is None or size > 1 << 44:
            return None
        name = tensor.name
        if name.startswith(("v.", "mm.", "a.", "vision.", "audio.")):
            sums.projector += size
        elif name == "token_embd.weight":
            sums.cpu += size
            if tied:
                sums.gpu += size
                sums.twice = size
        elif name.startswith("mtp."):
            sums.draft += size
        elif name.startswith("per_layer_token_embd"):
            sums.cpu += size
        elif drafts and (block_of(name)[0] or 0) >= main:
            sums.draft += size
        else:
            sums.gpu += size
    return sums


def _has_vision(keys: GgufMetadata) -> bool:
    return (
        bool(keys.shown.projector)
        or "vision" in keys.shown.capabilities
        or any(str(key).startswith((f"{keys.arch}.vision.", "clip.")) for key in keys.info)
    )


def of_params(params: int, quant: str) -> Weights:
    """Parameters x bits per weight of the label."""
    bits, known = bits_per_weight(quant)
    size = -(-round(params * bits) // 8)
    said = f"{params:,} parameters x {bits:g} bits" + ("" if known else f" (the label {quant} is not known)")
    return Weights(size, 0, 0, 0, Sure.ESTIMATED, "parameters x bits per weight", said, 0.85, 1.15 if known else 1.5)


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"
