"""A model in a vLLM process: what the process takes of its cards, and what of that the model needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.engines.known import architecture_told, told_dtype, why_untold
from fleethub.engines.vllm.cache import CacheLayout, layout
from fleethub.engines.vllm.settings import DTYPES, KV_BYTES, QUANTS
from fleethub.engines.vllm.share import share, working
from fleethub.model.capacity import Estimate, Placed, Row, Sure
from fleethub.model.facts import Facts
from fleethub.model.serving import Model
from fleethub.model.text import gib
from fleethub.sizing.architecture import ModelArchitecture

if TYPE_CHECKING:
    from fleethub.engines.vllm.server import VllmServer

#: What a KV cache may be of that of a typical model of so many parameters.
TYPICAL = (0.4, 2.0)


def load(
    server: VllmServer,
    model: Model,
    facts: Facts,
    *,
    context: int | None = None,
    primary: bool = True,
    architecture: ModelArchitecture | None = None,
) -> Placed:
    """What the process takes on its cards, and what the model needs of it for as many requests as are asked about."""
    tokens, source = (context, "asked") if context is not None else (model.context, "spec")
    made = replace(server, dtype=server.dtype or told_dtype(model, facts))
    architecture = architecture or architecture_told(model, facts, made.quant)
    placed = Placed(
        *(model.name, model.tag or model.name, tokens, source, server.parallel, server.kv_type, Estimate()),
        primary=primary,
        room=0,
    )
    if architecture is None:
        estimate = taken(made, None)
        why = "" if server.runs(placed.tag) else why_untold(model, facts)
        needs = Estimate(reason=why)
        if model.vram is not None:
            row = Row("declared", model.vram, Sure.ESTIMATED, "spec: vram", "of one request")
            needs = Estimate((row,), model.vram, model.vram)
        at_once = server.tokens / max(tokens, 1) if server.runs(placed.tag) and server.tokens else None
        estimate = _known(estimate, why)
        return replace(placed, estimate=estimate, parts=parts(made, None), needs=needs, at_once=at_once)
    needs = _needs(made, architecture, max(tokens, 1))
    return replace(
        placed,
        estimate=taken(made, architecture),
        parts=parts(made, architecture),
        needs=needs,
        preflight=needs.high,
        at_once=requests(made, architecture, max(tokens, 1)),
    )


def _known(estimate: Estimate, why: str) -> Estimate:
    return estimate if estimate.rows else replace(estimate, reason=why or estimate.reason)


def cache_of(server: VllmServer, architecture: ModelArchitecture) -> CacheLayout:
    """The model's KV cache on each card."""
    said = server.settings
    element = KV_BYTES.get(server.kv_type) or DTYPES.get(server.dtype, 2)
    return layout(architecture, said.tensor_parallel, said.pipeline_parallel, element, said.max_num_batched_tokens)


def weights(architecture: ModelArchitecture) -> int:
    """All of them lie on the cards: a token's embedding too."""
    return max(architecture.file_bytes, architecture.weights) + architecture.projector


def share_of(server: VllmServer, card: int, architecture: ModelArchitecture | None) -> int | None:
    """Bytes that the process takes of a card (its index); None: they hang on weights that are not known."""
    if not server.pool:
        return share(server.gpus[card][1], server.utilization)
    if architecture is None:
        return None
    said = server.settings
    step = working(architecture, said.tensor_parallel, said.max_num_batched_tokens, said.max_num_seqs)
    return -(-weights(architecture) // said.cards) + step.bytes + server.pool


def parts(server: VllmServer, architecture: ModelArchitecture | None) -> tuple[int, ...]:
    """The process's bytes on each GPU of the backend; empty where there is one, or they are not known."""
    if len(server.gpus) < 2:
        return ()
    used = {card: share_of(server, card, architecture) for card in server.cards}
    if None in used.values():
        return ()
    return tuple(used.get(card) or 0 for card in range(len(server.gpus)))


def taken(server: VllmServer, architecture: ModelArchitecture | None) -> Estimate:
    """What the process takes of all its cards, whatever it serves."""
    if not server.gpus:
        return Estimate(reason="its GPUs are neither declared nor readable, and a process takes a share of them")
    shares = [share_of(server, card, architecture) for card in server.cards]
    known = [one for one in shares if one is not None]
    if len(known) < len(shares) or not known:
        return Estimate(reason="with kv_cache_memory it takes its weights beside it, and they are not known")
    whole = sum(known)
    said = f"{server.utilization:g} of each card" if not server.pool else f"weights, and {gib(server.pool)} of KV cache"
    sure = Sure.EXACT if not server.pool else Sure.ESTIMATED
    if architecture is None:
        return Estimate((Row("reserved at its start", whole, sure, "vLLM's rule", said),), whole, whole)
    step = _working(server, architecture)
    base = Row("weights", weights(architecture), architecture.sure, architecture.source, architecture.detail)
    left = whole - base.bytes - step.bytes
    if left <= 0:
        return Estimate((Row("reserved at its start", whole, sure, "vLLM's rule", said),), whole, whole)
    cache = Row("KV cache", left, Sure.ESTIMATED, "what is left of its share", said)
    return Estimate((base, step, cache), whole, whole)


def left(server: VllmServer, architecture: ModelArchitecture) -> int:
    """Bytes of each card that are cache: as the running server says, else what its share leaves on the smallest."""
    if server.pool:
        return server.pool
    if server.blocks:
        return server.blocks * cache_of(server, architecture).block
    said = server.settings
    step = working(architecture, said.tensor_parallel, said.max_num_batched_tokens, said.max_num_seqs)
    smallest = min(share(server.gpus[card][1], server.utilization) for card in server.cards)
    return smallest - -(-weights(architecture) // said.cards) - step.bytes


def requests(server: VllmServer, architecture: ModelArchitecture, context: int) -> float | None:
    """How many requests of so many tokens run at once; None: its cards are not known."""
    if not server.blocks and not (server.gpus and server.cards):
        return None
    return max(cache_of(server, architecture).at_once(left(server, architecture), context), 0.0)


def _working(server: VllmServer, architecture: ModelArchitecture) -> Row:
    said = server.settings
    step = working(architecture, said.tensor_parallel, said.max_num_batched_tokens, said.max_num_seqs)
    cards = said.cards
    return Row(
        *("working memory", step.bytes * cards, Sure.ESTIMATED, "model of the server", step.detail),
        least=step.least * cards,
        most=step.most * cards,
    )


def _needs(server: VllmServer, architecture: ModelArchitecture, context: int) -> Estimate:
    """What the model needs of the share: weights, working memory, the KV cache of the requests that are asked about."""
    cards = server.settings.cards
    size, cache = weights(architecture), cache_of(server, architecture)
    kv = cache.request(context) * server.parallel * cards
    typical = TYPICAL if architecture.arch == "typical" else (1.0, 1.0)
    rows = (
        Row(
            *("weights", size, architecture.sure, architecture.source, architecture.detail),
            least=int(size * architecture.low),
            most=round(size * architecture.high),
        ),
        _working(server, architecture),
        Row(
            *("KV cache", kv, architecture.kv_sure, "the model's facts", f"{server.parallel} x {context:,} tokens"),
            least=int(kv * typical[0]),
            most=round(kv * typical[1]),
        ),
    )
    low = sum(row.bytes if row.least is None else row.least for row in rows)
    return Estimate(rows, low, sum(row.bytes if row.most is None else row.most for row in rows))


def quant_of(quantization: str, dtype: str) -> str:
    """What the weights are called where nothing tells their bytes."""
    return QUANTS.get(quantization) or ("F32" if DTYPES.get(dtype) == 4 else "BF16")
