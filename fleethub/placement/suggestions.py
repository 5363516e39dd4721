"""The cheapest changes that make a model fit: each one judged before it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from types import MappingProxyType
from typing import Any

from fleethub.model.capacity import Fit, Suggestion
from fleethub.model.text import gib
from fleethub.placement.query import FAR, Query, most
from fleethub.sizing.architecture import ModelArchitecture, requantised

ROOMY = 16384  # below it an agent's prompt does not fit
KV_TYPES = ("q8_0", "q4_0")
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
MOST = 6  # what is proposed in all


@dataclass(frozen=True, slots=True)
class Tweak:
    """One setting at ``value``: what of the server becomes another, or the model's ``shape`` in another quant."""

    setting: str
    value: str | int
    says: str
    cost: str
    server: Mapping[str, Any] = field(default_factory=dict)
    shape: ModelArchitecture | None = None

    def of(self, query: Query) -> Query:
        """The query after it."""
        return replace(query, server=replace(query.server, **self.server), shape=self.shape or query.shape)


def suggestions(query: Query) -> tuple[Suggestion, ...]:
    """Changes on this backend alone, cheapest first; several at once only where fewer leave no context to work with."""
    options = {setting: tuple(make(query)) for setting, make in MAKE.items()}
    settings = ["context", *(setting for setting, found in options.items() if found)]
    asked, found = query.mine().context, list[Suggestion]()
    for count in range(1, len(settings) + 1):
        for chosen in combinations(settings, count):
            found += [one for one in _together(query, options, chosen) if not any(_better(f, one) for f in found)]
        if any(_context(one, asked) >= min(ROOMY, asked) for one in found):
            break
    return tuple(found[:MOST])


def _better(few: Suggestion, many: Suggestion) -> bool:
    """Whether what the one changes is a part of what the other does, for no less context."""
    one, other = ({k: v for k, v in r.values if k != "context"} for r in (few, many))
    return one.items() <= other.items() and _context(few, FAR) >= _context(many, FAR)


def _context(suggestion: Suggestion, asked: int) -> int:
    return int(dict(suggestion.values).get("context", asked))


def _together(query: Query, options: Mapping[str, Sequence[Tweak]], settings: Sequence[str]) -> Iterator[Suggestion]:
    """Every way to set just these settings so that it fits; of the quants the best that will do."""
    quants: Sequence[Tweak | None] = options["quant"] if "quant" in settings else (None,)
    rest = [options[setting] for setting in settings if setting not in ("context", "quant")]
    for others in product(*rest):
        best: Suggestion | None = None
        for quant in quants:
            changes = (*others, quant) if quant else others
            found, roomy = _smaller(query, changes) if "context" in settings else _fitting(query, changes)
            best = found or best
            if roomy:
                break
        if best is not None:
            yield best


def _after(query: Query, changes: Sequence[Tweak]) -> Query:
    for change in changes:
        query = change.of(query)
    return query


def _fitting(query: Query, changes: Sequence[Tweak]) -> tuple[Suggestion | None, bool]:
    """The changes as a suggestion when it fits with them, and whether it does."""
    verdict = _after(query, changes).judge()[1]
    if verdict.fit is not Fit.FITS:
        return None, False
    costs = dict.fromkeys(part for change in changes for part in change.cost.split("; ") if part)
    values = tuple((change.setting, change.value) for change in changes)
    return Suggestion(values, " and ".join(change.says for change in changes), verdict, "; ".join(costs)), True


def _smaller(query: Query, changes: Sequence[Tweak]) -> tuple[Suggestion | None, bool]:
    """The changes with the largest context that fits with them, and whether an agent's prompt fits into that."""
    asked, after = query.mine().context, _after(query, changes)
    rounded = most(after)[1]
    if rounded is None or rounded >= asked:
        return None, False
    cost = "too small for an agent's prompt" if rounded < ROOMY else ""
    last = Tweak("context", rounded, f"a context of {rounded:,} instead of {asked:,}", cost)
    return _fitting(replace(query, context=rounded), (*changes, last))[0], rounded >= min(ROOMY, asked)


def _kv_types(query: Query) -> Iterator[Tweak]:
    now = query.mine().estimate.total
    for kv_type in KV_TYPES:
        change = Tweak(
            *("kv_type", kv_type, f"OLLAMA_KV_CACHE_TYPE={kv_type} instead of {query.server.kv_type}"),
            _everybody(query, "needs flash attention"),
            {"kv_type": kv_type},
        )
        then = change.of(query).mine().estimate.total
        if now is not None and then is not None and then < now:
            yield change


def _everybody(query: Query, more: str) -> str:
    names = ", ".join(model.name for model, _ in query.rest)
    whole = f"a setting of the whole server: also of {names}" if names else "a setting of the whole server"
    return f"{whole}; {more}"


def _quants(query: Query) -> Iterator[Tweak]:
    """Every quant below the present one, the best first."""
    now = query.mine().estimate.total
    if query.shape is None or now is None:
        return
    for quant in QUANTS:
        shape = requantised(query.shape, quant)
        then = replace(query, shape=shape).mine().estimate.total or 0
        if then < now:
            says = f"the model in {quant}, {gib(now - then)} smaller"
            yield Tweak("quant", quant, says, "answers get worse", shape=shape)


def _parallel(query: Query) -> Iterator[Tweak]:
    if query.server.parallel > 1:
        says = f"OLLAMA_NUM_PARALLEL=1 instead of {query.server.parallel}"
        cost = _everybody(query, "requests to one model wait for each other")
        yield Tweak("num_parallel", 1, says, cost, {"parallel": 1})


def _loaded(query: Query) -> Iterator[Tweak]:
    count, now = len(query.rest) + 1, query.server.count_limit
    if now < count:
        automatic = "" if query.server.max_loaded else " (automatic)"
        says = f"OLLAMA_MAX_LOADED_MODELS={count} instead of {now}{automatic}"
        yield Tweak("max_loaded_models", count, says, "", {"max_loaded": count})


#: What it changes -> the changes that it offers, from cheapest to dearest.
MAKE: Mapping[str, Callable[[Query], Iterator[Tweak]]] = MappingProxyType(
    {"kv_type": _kv_types, "quant": _quants, "num_parallel": _parallel, "max_loaded_models": _loaded}
)
