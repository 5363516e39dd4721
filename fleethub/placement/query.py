"""A question about one model on one backend with its names resolved, and the largest context that fits there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.context import automatic, shown_of
from fleethub.engines.ollama.load import placed
from fleethub.engines.ollama.server import Server
from fleethub.model.capacity import AdmissionVerdict, Fit, Placed
from fleethub.model.facts import Facts
from fleethub.model.fleet import Backend, Fleet, Model
from fleethub.sizing.architecture import ModelArchitecture

STEP = 1024  # people set contexts in multiples of it
FAR = 1 << 20  # where the search ends for a model that tells no limit


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its names resolved: the model, where it is to go, and who is planned there (model, primary)."""

    fleet: Fleet
    facts: Facts
    backend: Backend
    server: Server
    model: Model
    context: int | None
    shape: ModelArchitecture | None
    rest: tuple[tuple[Model, bool], ...]

    def neighbours(self) -> tuple[Placed, ...]:
        """The planned set without the model."""
        return tuple(placed(self.server, model, self.facts, primary=primary) for model, primary in self.rest)

    def mine(self, context: int | None = None) -> Placed:
        """The model as it would be loaded, never beyond its own limit; without ``context`` as it was asked."""
        tokens, limit = context or self.context, limit_of(self.shape)
        if tokens and limit:
            tokens = min(tokens, limit)
        if tokens is not None or self.model.context:
            return placed(self.server, self.model, self.facts, context=tokens, shape=self.shape)
        tokens, source = unasked_context(self.server, self.model)
        tokens = min(tokens, limit or tokens)
        load = placed(self.server, self.model, self.facts, context=tokens, shape=self.shape)
        return replace(load, context_from=source)

    def judge(self, context: int | None = None) -> tuple[Placed, AdmissionVerdict]:
        """The model beside its neighbours."""
        mine = self.mine(context)
        return mine, admit(self.server, (*self.neighbours(), mine))


def unasked_context(server: Server, model: Model) -> tuple[int, str]:
    """What a model that the spec does not have gets when nobody says a context, and what decides it."""
    shown = shown_of(server, model)
    text = shown.parameters.get("num_ctx", "") if shown else ""
    if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text):
        return int(text), "Modelfile"
    if server.context_length:
        return server.context_length, "OLLAMA_CONTEXT_LENGTH"
    return automatic(server), "Ollama's automatic default"


def limit_of(shape: ModelArchitecture | None) -> int | None:
    """The model's own context limit in tokens, None when it is not known."""
    return shape.context_length or None if shape is not None else None


def most(query: Query) -> tuple[int | None, int | None, str]:
    """The largest context that fits, that in whole steps of 1024, and why there is none, or none larger is known."""
    limit = limit_of(query.shape) or FAR
    least, full = query.mine(1), query.mine(limit)
    if least.estimate.total is None:
        return None, None, least.estimate.reason
    untold = full.estimate.total is None
    if (least.estimate.total, least.preflight) == (full.estimate.total, full.preflight):
        return None, None, "what a context takes of it is not known"
    neighbours = query.neighbours()

    def fits(context: int) -> bool:
        mine = query.mine(context)
        return mine.context == context and admit(query.server, (*neighbours, mine)).fit is Fit.FITS

    found = _largest(fits, limit)
    if found is None:
        return None, None, "it does not fit with any context"
    rounded = found // STEP * STEP
    more = untold and query.mine(found + 1).estimate.total is None
    reason = "what a larger one takes is not known" if more else ""
    return found, rounded if rounded and fits(rounded) else None, reason


def _largest(fits: Callable[[int], bool], limit: int) -> int | None:
    """The largest number up to ``limit`` that fits while the next one does not."""
    if fits(limit):
        return limit
    if not fits(1):
        return None
    low, high = 1, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
