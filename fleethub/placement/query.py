"""A question about one model on one backend with its names resolved, and the largest context that fits there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fleethub.engines.interface import Engine, Server
from fleethub.model.capacity import AdmissionVerdict, Fit, Placed
from fleethub.model.dataclass import dataclass
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.serving import Backend, Model
from fleethub.placement.machines import doubted
from fleethub.sizing.architecture import ModelArchitecture

STEP = 1024  # people set contexts in multiples of it
FAR = 1 << 20  # where the search ends for a model that tells no limit


@dataclass(frozen=True, slots=True)
class CapacityQuery:
    """A question with its names resolved: the model, where it is to go, and who is planned there (model, primary).

    ``unasked`` is the server as it is, ``server`` with the settings that the question names. ``doubt``: why it is not
    known what of its cards is left for it; empty where it is.
    """

    fleet: Fleet
    facts: Facts
    backend: Backend
    engine: Engine
    server: Server
    unasked: Server
    model: Model
    context: int | None
    architecture: ModelArchitecture | None
    rest: tuple[tuple[Model, bool], ...]
    doubt: str = ""

    def neighbours(self) -> tuple[Placed, ...]:
        """The planned set without the model."""
        return tuple(self.server.load(model, self.facts, primary=primary) for model, primary in self.rest)

    def mine(self, context: int | None = None) -> Placed:
        """The model as it would be loaded, never beyond its own limit; without ``context`` as it was asked."""
        tokens, limit = context or self.context, limit_of(self.architecture)
        if tokens and limit:
            tokens = min(tokens, limit)
        if tokens is not None or self.model.context:
            return self.server.load(self.model, self.facts, context=tokens, architecture=self.architecture)
        tokens, source = self.server.unasked_context(self.model)
        tokens = min(tokens, limit or tokens)
        load = self.server.load(self.model, self.facts, context=tokens, architecture=self.architecture)
        return replace(load, context_from=source)

    def judge(self, context: int | None = None) -> tuple[Placed, AdmissionVerdict]:
        """The model beside its neighbours."""
        mine = self.mine(context)
        return mine, doubted(self.server.admit((*self.neighbours(), mine)), self.doubt)


def limit_of(architecture: ModelArchitecture | None) -> int | None:
    """The model's own context limit in tokens, None when it is not known."""
    return architecture.context_length or None if architecture is not None else None


def most(query: CapacityQuery) -> tuple[int | None, int | None, str]:
    """The largest context that fits, that in whole steps of 1024, and why there is none, or none larger is known."""
    if query.doubt:
        return None, None, query.doubt
    limit = limit_of(query.architecture) or FAR
    least, full = query.mine(1), query.mine(limit)
    if least.estimate.total is None:
        return None, None, least.estimate.reason
    untold = full.estimate.total is None
    if _takes(least) == _takes(full):
        return None, None, "what a context takes of it is not known"
    neighbours = query.neighbours()

    def fits(context: int) -> bool:
        mine = query.mine(context)
        return mine.context == context and query.server.admit((*neighbours, mine)).fit is Fit.FITS

    twin = next((load.context for load in neighbours if load.runner and load.runner == least.runner), None)
    # what shares a process with another model has that one's context, or loads it anew
    found = _largest(fits, limit) if twin is None else twin if fits(twin) else None
    if found is None:
        return None, None, "it does not fit with any context"
    rounded = found // STEP * STEP
    more = untold and query.mine(found + 1).estimate.total is None
    reason = "what a larger one takes is not known" if more else ""
    return found, rounded if rounded and fits(rounded) else None, reason


def _takes(load: Placed) -> tuple[int | None, int | None, float | None]:
    """All of a load that hangs on its context."""
    return load.estimate.total, load.preflight, load.at_once


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
