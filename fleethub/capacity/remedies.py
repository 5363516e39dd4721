"""The largest context that fits, and the cheapest changes that make a model fit: each one judged before it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fleethub.capacity.admission import admit
from fleethub.capacity.context import automatic, shown_of
from fleethub.capacity.placing import placed
from fleethub.capacity.server import Server
from fleethub.capacity.shape import Shape, requantised
from fleethub.model.capacity import Fit, Lever, Placed, Remedy, Verdict
from fleethub.model.facts import Facts
from fleethub.model.fleet import Backend, Fleet, Model
from fleethub.model.words import gib

STEP = 1024  # people set contexts in multiples of it
ROOMY = 16384  # below it an agent's prompt does not fit
FAR = 1 << 20  # where the search ends for a model that tells no limit
KV_TYPES = ("q8_0", "q4_0")
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")


@dataclass(frozen=True, slots=True)
class Scene:
    """A question with its names resolved: the model, where it is to go, and who is planned there (model, primary)."""

    fleet: Fleet
    facts: Facts
    backend: Backend
    server: Server
    model: Model
    context: int | None
    shape: Shape | None
    rest: tuple[tuple[Model, bool], ...]

    def neighbours(self, server: Server) -> tuple[Placed, ...]:
        """The planned set without the model, on this server."""
        return tuple(placed(server, model, self.facts, primary=primary) for model, primary in self.rest)

    def mine(self, server: Server, context: int | None = None, shape: Shape | None = None) -> Placed:
        """The model as it would be loaded, never beyond its own limit; what is not given is as it was asked."""
        tokens, known = context or self.context, shape or self.shape
        limit = limit_of(known)
        if tokens and limit:
            tokens = min(tokens, limit)
        if tokens is not None or self.model.context:
            return placed(server, self.model, self.facts, context=tokens, shape=known)
        tokens, source = unasked_context(server, self.model)
        tokens = min(tokens, limit or tokens)
        return replace(placed(server, self.model, self.facts, context=tokens, shape=known), context_from=source)

    def judge(
        self, server: Server | None = None, context: int | None = None, shape: Shape | None = None
    ) -> tuple[Placed, Verdict]:
        """The model beside its neighbours, all of them on ``server``."""
        on = server or self.server
        mine = self.mine(on, context, shape)
        return mine, admit(on, (*self.neighbours(on), mine))


def unasked_context(server: Server, model: Model) -> tuple[int, str]:
    """What a model that the spec does not have gets when nobody says a context, and what decides it."""
    shown = shown_of(server, model)
    text = shown.parameters.get("num_ctx", "") if shown else ""
    if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text):
        return int(text), "Modelfile"
    if server.context_length:
        return server.context_length, "OLLAMA_CONTEXT_LENGTH"
    return automatic(server), "Ollama's automatic default"


def limit_of(shape: Shape | None) -> int | None:
    """The model's own context limit in tokens, None when it is not known."""
    return shape.context_length or None if shape is not None else None


def most(scene: Scene, server: Server | None = None) -> tuple[int | None, int | None, str]:
    """The largest context that fits, that in whole steps of 1024, and why there is none, or none larger is known."""
    on = server or scene.server
    limit = limit_of(scene.shape) or FAR
    least, full = scene.mine(on, 1), scene.mine(on, limit)
    if least.estimate.total is None:
        return None, None, least.estimate.reason
    untold = full.estimate.total is None
    if (least.estimate.total, least.preflight) == (full.estimate.total, full.preflight):
        return None, None, "what a context takes of it is not known"
    neighbours = scene.neighbours(on)

    def fits(context: int) -> bool:
        mine = scene.mine(on, context)
        return mine.context == context and admit(on, (*neighbours, mine)).fit is Fit.FITS

    found = _largest(fits, limit)
    if found is None:
        return None, None, "it does not fit with any context"
    rounded = found // STEP * STEP
    more = untold and scene.mine(on, found + 1).estimate.total is None
    reason = "what a larger one takes is not known" if more else ""
    return found, rounded if rounded and fits(rounded) else None, reason


def _largest(fits: Callable[[int], bool], limit: int) -> int | None:
    """The largest number up to ``limit`` that fits while the next one does not."""
    if fits(limit):
        return limit
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low or None


def remedies(scene: Scene, rounded: int | None) -> tuple[Remedy, ...]:
    """Changes on this backend alone, cheapest first; two at once only where no single one helps."""
    asked = scene.mine(scene.server)
    found = [*_context(scene, scene.server, rounded, asked.context)]
    found += [*_kv_types(scene), *_quants(scene, asked), *_parallel(scene), *_loaded(scene)]
    if not found:
        found = [*_both(scene, asked.context)]
    return tuple(found)


def _context(scene: Scene, server: Server, rounded: int | None, asked: int) -> Iterator[Remedy]:
    if rounded is None or rounded >= asked:
        return
    verdict = scene.judge(server, rounded)[1]
    if verdict.fit is Fit.FITS:
        cost = "too small for an agent's prompt" if rounded < ROOMY else ""
        says = f"a context of {rounded:,} instead of {asked:,}"
        yield Remedy(((Lever.CONTEXT, rounded),), says, verdict, cost)


def _kv_types(scene: Scene) -> Iterator[Remedy]:
    for server, cost in _smaller_caches(scene):
        verdict = scene.judge(server)[1]
        if verdict.fit is Fit.FITS:
            says = f"OLLAMA_KV_CACHE_TYPE={server.kv_type} instead of {scene.server.kv_type}"
            yield Remedy(((Lever.KV_TYPE, server.kv_type),), says, verdict, cost)


def _smaller_caches(scene: Scene) -> Iterator[tuple[Server, str]]:
    now = scene.mine(scene.server).estimate.total
    for kv_type in KV_TYPES:
        server = replace(scene.server, kv_type=kv_type)
        then = scene.mine(server).estimate.total
        if now is not None and then is not None and then < now:
            yield server, _everybody(scene, "needs flash attention")


def _everybody(scene: Scene, more: str = "") -> str:
    names = ", ".join(model.name for model, _ in scene.rest)
    whole = f"a setting of the whole server: also of {names}" if names else "a setting of the whole server"
    return "; ".join(part for part in (whole, more) if part)


def _quants(scene: Scene, asked: Placed) -> Iterator[Remedy]:
    """The best quant below the present one that fits."""
    if scene.shape is None or asked.estimate.total is None:
        return
    for quant in QUANTS:
        shape = requantised(scene.shape, quant)
        mine, verdict = scene.judge(shape=shape)
        if verdict.fit is Fit.FITS and (mine.estimate.total or 0) < asked.estimate.total:
            saved = asked.estimate.total - (mine.estimate.total or 0)
            yield Remedy(
                ((Lever.QUANT, quant),), f"the model in {quant}, {gib(saved)} smaller", verdict, "answers get worse"
            )
            return


def _parallel(scene: Scene) -> Iterator[Remedy]:
    if scene.server.parallel > 1:
        verdict = scene.judge(replace(scene.server, parallel=1))[1]
        if verdict.fit is Fit.FITS:
            says = f"OLLAMA_NUM_PARALLEL=1 instead of {scene.server.parallel}"
            cost = _everybody(scene, "requests to one model wait for each other")
            yield Remedy(((Lever.PARALLEL, 1),), says, verdict, cost)


def _loaded(scene: Scene) -> Iterator[Remedy]:
    count = len(scene.rest) + 1
    if 0 < scene.server.max_loaded < count:
        verdict = scene.judge(replace(scene.server, max_loaded=count))[1]
        if verdict.fit is Fit.FITS:
            says = f"OLLAMA_MAX_LOADED_MODELS={count} instead of {scene.server.max_loaded}"
            yield Remedy(((Lever.LOADED, count),), says, verdict)


def _both(scene: Scene, asked: int) -> Iterator[Remedy]:
    """A smaller cache and a smaller context at once."""
    for server, cost in _smaller_caches(scene):
        rounded = most(scene, server)[1]
        for one in _context(scene, server, rounded, asked):
            yield Remedy(
                ((Lever.KV_TYPE, server.kv_type), *one.values),
                f"OLLAMA_KV_CACHE_TYPE={server.kv_type} and {one.says}",
                one.verdict,
                "; ".join(part for part in (cost, one.cost) if part),
            )
