"""Whether a vLLM can start on its cards, and give what is planned: it loads one model, and nothing is ever evicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fleethub.engines.vllm.load import share_of
from fleethub.model.capacity import AdmissionCheck, AdmissionVerdict, Estimate, Fit, Placed, Sure
from fleethub.model.text import gib, plural

if TYPE_CHECKING:
    from fleethub.engines.vllm.server import VllmServer


def admit(server: VllmServer, planned: Sequence[Placed]) -> AdmissionVerdict:
    """The verdict on a planned set: every check that fails is a refusal; the order does not matter."""
    loads = sorted(planned, key=lambda p: (p.model, p.context))
    checks, unknown = [*_one(server, loads), *_cards(server, loads)], list[str]()
    fits: dict[str, Fit] = {}
    for load in loads:
        own, why = _load(server, load)
        checks += own
        unknown += [why] if why else []
        broken = any(not check.holds for check in own)
        fits[load.model] = Fit.EXCEEDS if broken else Fit.UNKNOWN if why else Fit.FITS
    first = [fits[p.model] for p in loads if p.primary]
    fit = Fit.UNKNOWN if Fit.UNKNOWN in first else Fit.FITS
    if any(not check.holds for check in checks):
        fit = Fit.EXCEEDS
    if server.total is None and not all(server.runs(p.tag) for p in loads):
        fit = Fit.UNKNOWN if fit is Fit.FITS else fit
        unknown = unknown or ["its GPUs are neither declared nor readable"]
    size = _whole(server, loads)
    return AdmissionVerdict(
        backend=server.name,
        fit=fit,
        placed=tuple(planned),
        checks=tuple(checks),
        gpus=server.gpus,
        reserve=server.reserve,
        need=size,
        total=server.total,
        total_from=server.total_from,
        scheduler=f"vLLM {server.version}".rstrip(),
        reason="; ".join(dict.fromkeys(unknown)),
        notes=tuple(_notes(server, loads)),
        fallbacks=tuple(sorted((p.model, fits[p.model]) for p in loads if not p.primary)),
    )


def _whole(server: VllmServer, loads: Sequence[Placed]) -> int | None:
    """What its one process takes, whatever of it is planned."""
    sizes = [p.estimate.total for p in loads] or [None]
    known = [size for size in sizes if size is not None]
    if known:
        return max(known)
    shares = [share_of(server, card, None) for card in server.cards]
    told = [one for one in shares if one is not None]
    return sum(told) if shares and len(told) == len(shares) else None


def _one(server: VllmServer, loads: Sequence[Placed]) -> Iterator[AdmissionCheck]:
    """Whether one model is all that is planned, where nobody says which one it serves."""
    tags = sorted({load.tag for load in loads})
    if len(tags) > 1 and not server.serves:
        says = f"a vLLM serves one model, and {len(tags)} are planned on {server.name}: {', '.join(tags)}"
        yield AdmissionCheck("model", "", len(tags), 1, False, says)


def _cards(server: VllmServer, loads: Sequence[Placed]) -> Iterator[AdmissionCheck]:
    """Whether its cards are there, and its share of each is free at its start."""
    wanted, there = server.settings.cards, len(server.cards)
    if server.gpus and there < wanted:
        says = f"it runs on {plural(wanted, 'card')} (tensor x pipeline parallel), and there {_are(there)}"
        yield AdmissionCheck("cards", "", wanted, there, False, says)
    for card in server.cards:
        name, total = server.gpus[card]
        held = server.taken[card] if card < len(server.taken) else 0
        parts = [p.parts[card] if p.parts else p.estimate.total or 0 for p in loads if p.estimate.rows]
        need = max(parts, default=share_of(server, card, None) or 0)
        free = total - held
        beside = f", and {server.beside_whom} {'hold' if ',' in server.beside_whom else 'holds'} {gib(held)}" * bool(
            held
        )
        says = (
            f"its process takes {gib(need)} of {gib(total)} on {name}{beside}"
            if need <= free
            else f"its process must find {gib(need)} free on {name} at its start: there are {gib(total)}{beside}"
        )
        if held or need > free or card == server.cards[0]:
            yield AdmissionCheck("share", "", need, free, need <= free, says)


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count}"


def _load(server: VllmServer, load: Placed) -> tuple[list[AdmissionCheck], str]:
    """The checks of one model, and why one of them has no answer."""
    found: list[AdmissionCheck] = []
    if server.serves and load.tag not in server.serves:
        says = f"{server.name} serves {', '.join(server.serves)} alone: {load.tag} needs a vLLM of its own"
        return [AdmissionCheck("model", load.model, 1, 0, False, says)], ""
    if server.longest:
        need, limit = load.context, server.longest
        says = f"{load.model}: {need:,} tokens are planned, and a request may have {limit:,} (max_model_len)"
        found.append(AdmissionCheck("limit", load.model, need, limit, need <= limit, says))
    if server.runs(load.tag) and server.tokens:
        need, limit = load.context * load.parallel, server.tokens
        if load.at_once is not None:  # layers with a window keep less of it
            limit = int(load.at_once * load.context)
        says = f"{load.model}: {_asked(load)}, and its KV cache holds {limit:,} (as it says)"
        return [*found, AdmissionCheck("limit", load.model, need, limit, need <= limit, says)], ""
    needs, there = load.needs or Estimate(), load.estimate.total
    if not needs.rows:
        return found, needs.reason
    if there is None:
        return found, load.estimate.reason
    if needs.low <= there < needs.high and needs.low < needs.high:
        return found, (
            f"{load.model} needs {gib(needs.low)} to {gib(needs.high)} of the {gib(there)} that {server.name} takes; "
            f"its vLLM, when it runs, tells it exactly{_rough(needs)}"
        )
    rows = ", ".join(f"{row.what} {gib(row.bytes)}" for row in needs.rows)
    says = f"{load.model}, {_asked(load)}: {rows}; the process has {gib(there)}"
    found.append(AdmissionCheck("start", load.model, needs.high, there, needs.high <= there, says))
    return found, ""


def _rough(needs: Estimate) -> str:
    rough = any(row.sure is Sure.ESTIMATED for row in needs.rows if row.what != "working memory")
    return ', and file = "…/config.json" of the model closer' if rough else ""


def _asked(load: Placed) -> str:
    return f"{plural(load.parallel, 'request')} of {load.context:,} tokens"


def _notes(server: VllmServer, loads: Sequence[Placed]) -> Iterator[str]:
    if not server.observed:
        yield "not observed: judged from the spec"
    if not server.settings.gpu_memory_utilization and not server.pool and not server.told:
        yield (
            f"gpu_memory_utilization is not declared: {server.utilization:g} is taken, vLLM's own default of 2026 "
            "(0.9 before)"
        )
    for load in loads:
        if load.at_once is not None and load.at_once >= 0.01:
            how = "run" if server.runs(load.tag) else "would run"
            yield (
                f"{load.model}: {load.at_once:.1f} requests of {load.context:,} tokens {how} at once"
                + (f", at most {server.settings.max_num_seqs}" if load.at_once > server.settings.max_num_seqs else "")
            )
