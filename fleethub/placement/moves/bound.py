"""How few moves could do, by arithmetic alone: what a placement is measured with where no solver proved it. Pure."""

from __future__ import annotations

from fleethub.model.placing import Copy
from fleethub.placement.moves.state import Candidate


def least_moves(state: Candidate) -> int | None:
    """No placement in which nothing is wrong any more needs fewer; None: something is wrong in this one, so that
    another that is as good may have left something else.

    What is counted twice is no bound: each backend, and each chain, is counted by models of its own.
    """
    if any(state.standing):
        return None
    problem, first = state.problem, state.first
    gone = list(problem.must)
    counted = {copy.backend for copy in gone}
    found = len(gone)
    for name in sorted(first):
        left = sum(copy.backend == name for copy in gone)
        if first[name].broken:
            found += max(_too_many(state, name) - left, 0)
            counted.add(name)
        elif first[name].pushed and not left:
            found += 1
            counted.add(name)
    seen: set[str] = set()
    for aliases, asked in sorted(problem.nodes_of):
        places = {*asked, *(name for alias in aliases for name in problem.fleet.models[alias].backends)}
        together = len({problem.machine[name] for name in places}) < 2
        if together and not places & counted and seen.isdisjoint(aliases):
            found += 1
            seen |= {*aliases}
    return found


def _too_many(state: Candidate, name: str) -> int:
    """How many primaries must leave a backend at least: the largest first, until the rest may fit by its bytes."""
    sizes, room = weights(state, name, state.problem.layout[name]), state.judge.room(name)
    primaries = sorted((size for copy, size in sizes.items() if state.problem.roles.of(name, copy.model)), reverse=True)
    if room is None:
        return 1
    left, count = sum(primaries), 0
    while left > room and count < len(primaries):
        left -= primaries[count]
        count += 1
    return max(count, 1)


def weights(state: Candidate, backend: str, aliases: frozenset[str] | set[str]) -> dict[Copy, float]:
    """Bytes of each model on a backend, so that the sum of any of them is no more than what its server must have.

    What shares one process shares its bytes; what a process takes whatever is planned (``needs``), and what is
    answered elsewhere, takes nothing here, nor does what is of unknown size.
    """
    loads = {alias: state.judge.load(alias, backend) for alias in sorted(aliases)}
    sharing: dict[str, int] = {}
    for load in loads.values():
        sharing[load.runner or load.tag] = sharing.get(load.runner or load.tag, 0) + 1
    found = {}
    for alias, load in loads.items():
        counts = load.needs is None and not load.remote and load.estimate.total is not None
        found[Copy(alias, backend)] = load.upper / sharing[load.runner or load.tag] if counts else 0.0
    return found
