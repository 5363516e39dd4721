"""The cheapest changes that make a model fit: each one judged before it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from types import MappingProxyType
from typing import Any

from fleethub.model.capacity import Fit, Lever, Remedy
from fleethub.model.text import gib
from fleethub.placement.query import FAR, Scene, most
from fleethub.sizing.architecture import ModelArchitecture, requantised

ROOMY = 16384  # below it an agent's prompt does not fit
KV_TYPES = ("q8_0", "q4_0")
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
MOST = 6  # what is proposed in all


@dataclass(frozen=True, slots=True)
class Change:
    """One lever set to ``value``: what of the server becomes another, or the model's ``shape`` in another quant."""

    lever: Lever
    value: str | int
    says: str
    cost: str
    server: Mapping[str, Any] = field(default_factory=dict)
    shape: ModelArchitecture | None = None

    def of(self, scene: Scene) -> Scene:
        """The scene after it."""
        return replace(scene, server=replace(scene.server, **self.server), shape=self.shape or scene.shape)


def remedies(scene: Scene) -> tuple[Remedy, ...]:
    """Changes on this backend alone, cheapest first; several at once only where fewer leave no context to work with."""
    options = {lever: tuple(make(scene)) for lever, make in MAKE.items()}
    levers = [Lever.CONTEXT, *(lever for lever, found in options.items() if found)]
    asked, found = scene.mine().context, list[Remedy]()
    for count in range(1, len(levers) + 1):
        for chosen in combinations(levers, count):
            found += [one for one in _together(scene, options, chosen) if not any(_better(f, one) for f in found)]
        if any(_context(one, asked) >= min(ROOMY, asked) for one in found):
            break
    return tuple(found[:MOST])


def _better(few: Remedy, many: Remedy) -> bool:
    """Whether what the one changes is a part of what the other does, for no less context."""
    one, other = ({k: v for k, v in r.values if k is not Lever.CONTEXT} for r in (few, many))
    return one.items() <= other.items() and _context(few, FAR) >= _context(many, FAR)


def _context(remedy: Remedy, asked: int) -> int:
    return int(dict(remedy.values).get(Lever.CONTEXT, asked))


def _together(scene: Scene, options: Mapping[Lever, Sequence[Change]], levers: Sequence[Lever]) -> Iterator[Remedy]:
    """Every way to set just these levers so that it fits; of the quants the best that will do."""
    quants: Sequence[Change | None] = options[Lever.QUANT] if Lever.QUANT in levers else (None,)
    rest = [options[lever] for lever in levers if lever not in (Lever.CONTEXT, Lever.QUANT)]
    for others in product(*rest):
        best: Remedy | None = None
        for quant in quants:
            changes = (*others, quant) if quant else others
            found, roomy = _smaller(scene, changes) if Lever.CONTEXT in levers else _fitting(scene, changes)
            best = found or best
            if roomy:
                break
        if best is not None:
            yield best


def _after(scene: Scene, changes: Sequence[Change]) -> Scene:
    for change in changes:
        scene = change.of(scene)
    return scene


def _fitting(scene: Scene, changes: Sequence[Change]) -> tuple[Remedy | None, bool]:
    """The changes as a remedy when it fits with them, and whether it does."""
    verdict = _after(scene, changes).judge()[1]
    if verdict.fit is not Fit.FITS:
        return None, False
    costs = dict.fromkeys(part for change in changes for part in change.cost.split("; ") if part)
    values = tuple((change.lever, change.value) for change in changes)
    return Remedy(values, " and ".join(change.says for change in changes), verdict, "; ".join(costs)), True


def _smaller(scene: Scene, changes: Sequence[Change]) -> tuple[Remedy | None, bool]:
    """The changes with the largest context that fits with them, and whether an agent's prompt fits into that."""
    asked, after = scene.mine().context, _after(scene, changes)
    rounded = most(after)[1]
    if rounded is None or rounded >= asked:
        return None, False
    cost = "too small for an agent's prompt" if rounded < ROOMY else ""
    last = Change(Lever.CONTEXT, rounded, f"a context of {rounded:,} instead of {asked:,}", cost)
    return _fitting(replace(scene, context=rounded), (*changes, last))[0], rounded >= min(ROOMY, asked)


def _kv_types(scene: Scene) -> Iterator[Change]:
    now = scene.mine().estimate.total
    for kv_type in KV_TYPES:
        change = Change(
            *(Lever.KV_TYPE, kv_type, f"OLLAMA_KV_CACHE_TYPE={kv_type} instead of {scene.server.kv_type}"),
            _everybody(scene, "needs flash attention"),
            {"kv_type": kv_type},
        )
        then = change.of(scene).mine().estimate.total
        if now is not None and then is not None and then < now:
            yield change


def _everybody(scene: Scene, more: str) -> str:
    names = ", ".join(model.name for model, _ in scene.rest)
    whole = f"a setting of the whole server: also of {names}" if names else "a setting of the whole server"
    return f"{whole}; {more}"


def _quants(scene: Scene) -> Iterator[Change]:
    """Every quant below the present one, the best first."""
    now = scene.mine().estimate.total
    if scene.shape is None or now is None:
        return
    for quant in QUANTS:
        shape = requantised(scene.shape, quant)
        then = replace(scene, shape=shape).mine().estimate.total or 0
        if then < now:
            says = f"the model in {quant}, {gib(now - then)} smaller"
            yield Change(Lever.QUANT, quant, says, "answers get worse", shape=shape)


def _parallel(scene: Scene) -> Iterator[Change]:
    if scene.server.parallel > 1:
        says = f"OLLAMA_NUM_PARALLEL=1 instead of {scene.server.parallel}"
        cost = _everybody(scene, "requests to one model wait for each other")
        yield Change(Lever.PARALLEL, 1, says, cost, {"parallel": 1})


def _loaded(scene: Scene) -> Iterator[Change]:
    count, now = len(scene.rest) + 1, scene.server.count_limit
    if now < count:
        automatic = "" if scene.server.max_loaded else " (automatic)"
        says = f"OLLAMA_MAX_LOADED_MODELS={count} instead of {now}{automatic}"
        yield Change(Lever.LOADED, count, says, "", {"max_loaded": count})


#: Lever -> the changes that it offers, from cheapest to dearest.
MAKE: Mapping[Lever, Callable[[Scene], Iterator[Change]]] = MappingProxyType(
    {Lever.KV_TYPE: _kv_types, Lever.QUANT: _quants, Lever.PARALLEL: _parallel, Lever.LOADED: _loaded}
)
