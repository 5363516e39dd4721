"""All that the arithmetic needs to know of one model, from a server's answer or a GGUF header alike."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from fleethub.model.capacity import Sure
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.server import Shown
from fleethub.sizing.gguf_metadata import GgufMetadata, UntoldError
from fleethub.sizing.kinds import LayerKind, Layers
from fleethub.sizing.layers import ENCODERS, memory_of
from fleethub.sizing.quant import bits_per_weight
from fleethub.sizing.weights import of_params, weights_of

#: A vocabulary that few models exceed, for those that do not tell theirs.
USUAL_VOCABULARY = 262144
#: Published dense models: parameters, layers, width, feed-forward, heads, KV heads, elements per head. The last row is
#: taken for anything larger, too.
TYPICAL = (
    (500_000_000, 24, 1024, 4864, 16, 8, 64),
    (1_800_000_000, 28, 2048, 8960, 16, 8, 128),
    (4_500_000_000, 36, 2560, 9728, 32, 8, 128),
    (9_500_000_000, 36, 4096, 14336, 32, 8, 128),
    (16_000_000_000, 40, 5120, 17408, 40, 8, 128),
    (35_000_000_000, 64, 5120, 27648, 64, 8, 128),
    (80_000_000_000, 80, 8192, 29568, 64, 8, 128),
    (130_000_000_000, 88, 12288, 28672, 96, 8, 128),
    (405_000_000_000, 126, 16384, 53248, 128, 8, 128),
)


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """One model. Sizes in bytes, everything else in elements or counts; 0 is "none" or "not told".

    ``layers`` what each kind of layer keeps, ``draft_layers`` of those that predict further tokens;
    ``head_count_kv_min`` and ``_max`` as the file has them, which is what the server's scheduler reckons with.
    ``wide``: the widest vector between attention's parts. ``weights`` lie on the GPUs, ``weights_cpu`` beside them;
    ``low`` and ``high`` are the factors between which they lie. ``context_length``: what it was trained for.
    ``embedding``: it only embeds.
    ``notes``: what had to be assumed of its KV cache, ``kv_least`` and ``kv_most`` the factors between which it lies
    then. ``streams``: copies of the width that go through its layers side by side (hyper-connections).
    ``quant``: the one it is reckoned in where no file is of it.
    """

    arch: str
    layers: tuple[Layers, ...]
    block_count: int
    head_count: int
    head_count_kv_min: int
    head_count_kv_max: int
    n_embd: int
    n_ff: int
    n_vocab: int
    weights: int
    file_bytes: int
    sure: Sure
    source: str
    detail: str = ""
    weights_cpu: int = 0
    low: float = 1.0
    high: float = 1.0
    wide: int = 0
    experts_used: int = 0
    n_ff_expert: int = 0
    projector: int = 0
    projector_graph: int = 0
    draft_weights: int = 0
    draft_layers: tuple[Layers, ...] = ()
    context_length: int = 0
    embedding: bool = False
    params: int = 0
    kv_sure: Sure = Sure.EXACT
    notes: tuple[str, ...] = ()
    kv_least: float = 1.0
    kv_most: float = 1.0
    streams: int = 0
    quant: str = ""

    @property
    def vision(self) -> bool:
        """Whether it has a part that sees."""
        return bool(self.projector or self.projector_graph)

    @property
    def recurrent(self) -> bool:
        """Whether some of its layers keep a state instead of a cache."""
        return any(one.kind is LayerKind.RECURRENT for one in self.layers)


def architecture_of(shown: Shown, size: int) -> ModelArchitecture | None:
    """The architecture of a model whose blobs have ``size`` bytes (0: not known); None when its facts do not tell it.

    Works with and without tensors. ``why_unknown`` says what is missing.
    """
    return _remembered(_Facts(shown, size))


class _Facts:
    """The very same facts and size: a plan asks for it more than once, and reading all layers takes time."""

    __slots__ = ("shown", "size")

    def __init__(self, shown: Shown, size: int) -> None:
        self.shown, self.size = shown, size

    def __hash__(self) -> int:
        return hash((id(self.shown), self.size))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Facts) and other.shown is self.shown and other.size == self.size


@lru_cache(maxsize=256)
def _remembered(facts: _Facts) -> ModelArchitecture | None:
    try:
        return _read(facts.shown, facts.size)
    except UntoldError:
        return None


def why_unknown(shown: Shown, size: int) -> str:
    """Why ``architecture_of`` has no answer for these facts, for people; empty when it has one."""
    try:
        _read(shown, size)
    except UntoldError as error:
        return str(error)
    return ""


def _read(shown: Shown, size: int) -> ModelArchitecture:
    keys = GgufMetadata(shown)
    blocks, width = keys.need("block_count"), keys.need("embedding_length")
    memory = memory_of(keys)
    heads = keys.largest("attention.head_count") or max(memory.heads_max, 1)
    main = blocks - min(keys.count("nextn_predict_layers") or 0, blocks - 1)
    weights = weights_of(keys, size, main)
    inner = keys.largest("feed_forward_length") or (0 if keys.size("expert_count") else 4 * width)
    params = keys.info.get("general.parameter_count")
    embedding = "embedding" in shown.capabilities and "completion" not in shown.capabilities
    return ModelArchitecture(
        arch=keys.arch,
        layers=memory.layers,
        block_count=blocks,
        head_count=heads,
        head_count_kv_min=memory.heads_min,
        head_count_kv_max=memory.heads_max,
        n_embd=width,
        n_ff=inner,
        n_vocab=_vocabulary(keys),
        weights=weights.gpu,
        file_bytes=(size if type(size) is int and size > 0 else weights.gpu + weights.cpu) - weights.beside,
        sure=weights.sure,
        source=weights.source,
        detail=weights.detail,
        weights_cpu=weights.cpu,
        low=weights.low,
        high=weights.high,
        wide=_wide(keys, heads, width),
        experts_used=keys.count("expert_used_count") or 0,
        n_ff_expert=keys.largest("expert_feed_forward_length") or (inner if keys.size("expert_used_count") else 0),
        projector=weights.projector,
        projector_graph=_projector_graph(keys, bool(weights.projector)),
        draft_weights=weights.draft,
        draft_layers=memory.draft or _of_file(keys, memory.layers, weights.draft, weights.gpu // max(main, 1)),
        context_length=keys.count("context_length") or 0,
        embedding=embedding or keys.arch in ENCODERS,
        params=params if type(params) is int and 0 < params < 1 << 50 else 0,
        kv_sure=Sure.ESTIMATED if memory.notes and memory.layers else Sure.EXACT,
        notes=memory.notes,
        kv_least=memory.least,
        kv_most=memory.most,
        streams=min(keys.count("hyper_connection.count") or 0, 64),
    )


def _of_file(keys: GgufMetadata, layers: tuple[Layers, ...], size: int, each: int) -> tuple[Layers, ...]:
    """Layers of a draft that has a file of its own, which tells none: as many as its bytes make, of the widest kind."""
    attending = [one for one in layers if one.kind is not LayerKind.RECURRENT]
    if not keys.shown.draft or not attending:
        return ()
    widest = max(attending, key=lambda one: one.kv_heads * (one.head_k + one.head_v))
    return (replace(widest, count=max(-(-size // max(each, 1)), 1), window=0, kind=LayerKind.GLOBAL),)


def _vocabulary(keys: GgufMetadata) -> int:
    for tensor in keys.shown.tensors:
        if tensor.name == "token_embd.weight" and len(tensor.shape) == 2 and 0 < tensor.shape[1] < 1 << 24:
            return tensor.shape[1]
    return keys.size("vocab_size") or USUAL_VOCABULARY


def _wide(keys: GgufMetadata, heads: int, width: int) -> int:
    """The widest of the query (with its gate, where there is one) and a recurrent layer's convolution; and beside them
    what an index of sparse attention asks.
    """
    head = keys.size("attention.key_length") or width // heads or 1
    gate = 2 if keys.arch in ("qwen3next", "qwen35", "qwen35moe") else 1
    conv = (keys.size("ssm.inner_size") or 0) + 2 * (keys.size("ssm.group_count") or 0) * (
        keys.size("ssm.state_size") or 0
    )
    kda = 3 * heads * (keys.size("kda.head_dim") or 0)
    asks = (keys.size("attention.indexer.head_count") or 0) * (keys.size("attention.indexer.key_length") or 0)
    return max(gate * heads * head, conv, kda) + 2 * asks


def _projector_graph(keys: GgufMetadata, there: bool) -> int:
    """Bytes of an image's way through the vision part; 0 without one."""

    def told(name: str, otherwise: int) -> int:
        projector = keys.shown.projector.get(f"clip.vision.{name}")
        return keys.size(f"vision.{name}") or (projector if type(projector) is int and projector > 0 else otherwise)

    if not there and "vision" not in keys.shown.capabilities:
        return 0
    image, patch = min(told("image_size", 896), 4096), told("patch_size", 14)
    patches = max(image // patch, 1) ** 2
    width, heads = min(told("embedding_length", 1152), 1 << 16), min(told("attention.head_count", 16), 1024)
    return 4 * (image**2 * 3 + width * patches + patches**2 * heads)


def architecture_of_params(params: int, quant: str) -> ModelArchitecture:
    """A typical dense model of that size, for what is neither installed nor in a file: wide in its range.

    Raises ValueError for a size that is not positive.
    """
    if params <= 0:
        raise ValueError(f"a model of {params} parameters has no size")
    _, layers, width, inner, heads, kv, head = next((row for row in TYPICAL if params <= row[0]), TYPICAL[-1])
    weights = of_params(params, quant)
    return ModelArchitecture(
        arch="typical",
        layers=(Layers(LayerKind.GLOBAL, layers, kv, head, head),),
        block_count=layers,
        head_count=heads,
        head_count_kv_min=kv,
        head_count_kv_max=kv,
        n_embd=width,
        n_ff=inner,
        n_vocab=151936,
        weights=weights.gpu,
        file_bytes=weights.gpu,
        sure=weights.sure,
        source=weights.source,
        detail=weights.detail,
        low=weights.low,
        high=weights.high,
        wide=heads * head,
        params=params,
        kv_sure=Sure.ESTIMATED,
        notes=(f"a typical dense model of {params / 1e9:.3g} B parameters: {layers} layers, {kv} KV heads of {head}",),
        kv_least=0.4,
        kv_most=2.0,
        quant=quant,
    )


def requantised(model: ModelArchitecture, quant: str) -> ModelArchitecture:
    """The same model in another quant; what lies on the CPU shrinks alike. Unchanged when its size is not known."""
    if not model.params:
        return model
    weights = of_params(model.params, quant)
    there = model.weights + model.weights_cpu
    cpu = weights.gpu * model.weights_cpu // there if there else 0
    scale = bits_per_weight(quant)[0] * model.params / 8 / there if there else 1
    return replace(
        model,
        weights=weights.gpu - cpu,
        weights_cpu=cpu,
        draft_weights=round(model.draft_weights * scale),
        file_bytes=weights.gpu + model.projector,
        sure=weights.sure,
        source=weights.source,
        detail=weights.detail,
        low=weights.low,
        high=weights.high,
        quant=quant,
    )
