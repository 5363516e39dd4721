"""Who may stay beside whom, as llama-swap's file says it: from what lets most of the planned models stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fleethub.engines.interface import Arrangement, Server
from fleethub.engines.llamaswap.server import LlamaSwapServer
from fleethub.model.capacity import Placed, by_runner, largest
from fleethub.model.dataclass import dataclass
from fleethub.model.readings.server import SwapFile, SwapGroup
from fleethub.model.serving import Backend

STAY, TURNS, ALONE = "planned-stay", "planned-in-turn", "planned-alone"


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """``stay`` are never ended by others, ``turns`` come one at a time beside them; or, ``alone``, in their place."""

    stay: tuple[str, ...]
    turns: tuple[str, ...]
    alone: bool
    cost: str

    @property
    def groups(self) -> tuple[SwapGroup, ...]:
        """As groups; those that take each other's place are both exclusive: else they are there together in the end."""
        stay = SwapGroup(STAY, False, self.alone, not self.alone, frozenset(self.stay))
        name = ALONE if self.alone else TURNS
        turns = SwapGroup(name, True, self.alone, False, frozenset(self.turns))
        return tuple(group for group in (stay, turns) if group.members)

    @property
    def sets(self) -> tuple[frozenset[str], ...]:
        """As the sets of a matrix."""
        beside = () if self.alone else self.stay
        return tuple(
            dict.fromkeys(
                [*(frozenset((*beside, one)) for one in self.turns), *([frozenset(self.stay)] if self.stay else [])]
            )
        )


def arrangements(backend: Backend, server: Server, planned: Sequence[Placed]) -> Iterator[Arrangement]:
    """All together; the fallbacks in turn beside the others; in their place. Models of its file alone."""
    if not isinstance(server, LlamaSwapServer) or server.why:
        return
    loads = [largest(group) for group in by_runner(planned)]
    first = tuple(sorted(server.called(p.tag) for p in loads if p.primary))
    rest = tuple(sorted(server.called(p.tag) for p in loads if not p.primary))
    tries = [SwapPlan(first + rest, (), False, "")]
    if rest:
        tries += [
            SwapPlan(first, rest, False, "fallbacks end one another"),
            SwapPlan(first, rest, True, "a fallback ends what it stands in for, until that is asked for again"),
        ]
    for one in tries:
        file = _matrix(server.file, one) if server.file.sets is not None else _groups(server.file, one)
        says = "; ".join(f"{group.name}: {', '.join(sorted(group.members))}" for group in one.groups)
        text = _matrix_text(one) if server.file.sets is not None else _groups_text(one)
        word = "matrix" if server.file.sets is not None else "groups"
        how = f"put it in the place of these models' {word} in its file, and start it anew where it does not watch that"
        yield Arrangement(replace(server, file=file), says, one.cost, f"llama-swap-{word}.yaml", text, how)


def _groups(file: SwapFile, one: SwapPlan) -> SwapFile:
    mine = {*one.stay, *one.turns}
    left = tuple(replace(group, members=group.members - mine) for group in file.groups)
    return replace(file, groups=(*one.groups, *(group for group in left if group.members)))


def _matrix(file: SwapFile, one: SwapPlan) -> SwapFile:
    mine = {*one.stay, *one.turns}
    left = tuple(known for known in file.sets or () if not known & mine)
    return replace(file, sets=(*one.sets, *left))


def _groups_text(one: SwapPlan) -> str:
    lines = ["groups:"]
    for group in one.groups:
        lines += [f"  {group.name}:"]
        flags = {"swap": group.swap, "exclusive": group.exclusive, "persistent": group.persistent}
        lines += [f"    {name}: {'true' if value else 'false'}" for name, value in flags.items()]
        lines += ["    members:", *(f"      - {json.dumps(name)}" for name in sorted(group.members))]
    return "\n".join(lines) + "\n"


def _matrix_text(one: SwapPlan) -> str:
    """Sets of short names, for a model's own may hold what an expression cannot."""
    short = {name: f"m{at}" for at, name in enumerate(sorted({*one.stay, *one.turns}), 1)}
    lines = ["matrix:", "  vars:", *(f"    {var}: {json.dumps(name)}" for name, var in short.items()), "  sets:"]
    for at, members in enumerate(one.sets, 1):
        lines.append(f'    planned-{at}: "{" & ".join(sorted(short[name] for name in members))}"')
    return "\n".join(lines) + "\n"
