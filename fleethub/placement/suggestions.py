"""The cheapest changes that make a model fit: each one judged before it is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

from fleethub.engines.interface import SettingChange
from fleethub.model.capacity import Fit, Suggestion
from fleethub.model.dataclass import dataclass
from fleethub.model.text import gib
from fleethub.placement.query import FAR, CapacityQuery, most
from fleethub.sizing.architecture import ModelArchitecture, requantised

ROOMY = 16384  # below it an agent's prompt does not fit
MOST = 6  # what is proposed in all


@dataclass(frozen=True, slots=True)
class Tweak:
    """One thing at ``value``: the quant (by ``architecture``), the context, or a setting of the server."""

    name: str
    value: str | int
    says: str
    cost: str = ""
    architecture: ModelArchitecture | None = None

    def of(self, query: CapacityQuery) -> CapacityQuery:
        """The query after it."""
        if self.architecture is not None:
            return replace(query, architecture=self.architecture)
        if self.name == "context":
            return replace(query, context=int(self.value))
        return replace(query, server=query.server.with_setting(self.name, self.value))


def suggestions(query: CapacityQuery) -> tuple[Suggestion, ...]:
    """Changes on this backend alone, cheapest first; several at once only where fewer leave no context to work with."""
    options = _options(query)
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


def _together(
    query: CapacityQuery, options: Mapping[str, Sequence[Tweak]], settings: Sequence[str]
) -> Iterator[Suggestion]:
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


def _after(query: CapacityQuery, changes: Sequence[Tweak]) -> CapacityQuery:
    for change in changes:
        query = change.of(query)
    return query


def _fitting(query: CapacityQuery, changes: Sequence[Tweak]) -> tuple[Suggestion | None, bool]:
    """The changes as a suggestion when it fits with them, and whether it does."""
    verdict = _after(query, changes).judge()[1]
    if verdict.fit is not Fit.FITS:
        return None, False
    costs = dict.fromkeys(part for change in changes for part in change.cost.split("; ") if part)
    values = tuple((change.name, change.value) for change in changes)
    return Suggestion(values, " and ".join(change.says for change in changes), verdict, "; ".join(costs)), True


def _smaller(query: CapacityQuery, changes: Sequence[Tweak]) -> tuple[Suggestion | None, bool]:
    """The changes with the largest context that fits with them, and whether an agent's prompt fits into that."""
    asked, after = query.mine().context, _after(query, changes)
    rounded = most(after)[1]
    if rounded is None or rounded >= asked:
        return None, False
    cost = "too small for an agent's prompt" if rounded < ROOMY else ""
    last = Tweak("context", rounded, f"a context of {rounded:,} instead of {asked:,}", cost)
    return _fitting(query, (*changes, last))[0], rounded >= min(ROOMY, asked)


def _options(query: CapacityQuery) -> dict[str, tuple[Tweak, ...]]:
    """What each change offers, from the cheapest change to the dearest."""
    changes = list(query.server.setting_changes(len(query.rest) + 1))
    settings = [_setting(query, change) for change in changes if not change.saves or _saves(query, change)]
    found: dict[str, tuple[Tweak, ...]] = {c.name: () for c in changes if not c.last} | {"quant": (*_quants(query),)}
    for tweak in settings:
        found[tweak.name] = (*found.get(tweak.name, ()), tweak)
    return found


def _setting(query: CapacityQuery, change: SettingChange) -> Tweak:
    return Tweak(change.name, change.value, change.says, _everybody(query, change) if change.shared else change.cost)


def _saves(query: CapacityQuery, change: SettingChange) -> bool:
    now = query.mine().estimate.total
    then = Tweak(change.name, change.value, change.says).of(query).mine().estimate.total
    return now is not None and then is not None and then < now


def _everybody(query: CapacityQuery, change: SettingChange) -> str:
    names = ", ".join(model.name for model, _ in query.rest)
    whole = f"a setting of the whole server: also of {names}" if names else "a setting of the whole server"
    return f"{whole}; {change.cost}"


def _quants(query: CapacityQuery) -> Iterator[Tweak]:
    """Every quant below the present one, the best first."""
    now = query.mine().estimate.total
    if query.architecture is None or now is None:
        return
    for quant in query.engine.quants:
        architecture = requantised(query.architecture, quant)
        then = replace(query, architecture=architecture).mine().estimate.total or 0
        if then < now:
            says = f"the model in {quant}, {gib(now - then)} smaller"
            yield Tweak("quant", quant, says, "answers get worse", architecture=architecture)
