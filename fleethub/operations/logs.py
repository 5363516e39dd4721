"""The last lines that a node's program wrote, read on its machine. Changes nothing."""

from __future__ import annotations

from fleethub import nodetypes
from fleethub.clients.host import HostError, Hosts
from fleethub.model.address import caller_name
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError, InputError
from fleethub.model.exit import Exit
from fleethub.model.text import without_keys
from fleethub.operations.outcome import Outcome
from fleethub.operations.workplace import Workplace

SECONDS = 30.0
#: Of what a command that failed said, the last ones.
LINES = 3


class LogsError(FleetHubError):
    """The node's machine did not tell."""

    code = "logs.unread"


@dataclass(frozen=True, slots=True)
class LogsResult:
    """Lines without what looks like a key; ``command`` is what was run, at ``target``."""

    node: str
    target: str
    command: tuple[str, ...]
    lines: tuple[str, ...]


def run(workplace: Workplace, name: str, lines: int) -> Outcome[LogsResult]:
    """Read; raises InputError for a node that there is not or whose type has no logs, LogsError."""
    node = workplace.fleet.nodes.get(caller_name(name))
    if node is None:
        there = ", ".join(sorted(workplace.fleet.nodes)) or "none"
        raise InputError(f"no node is called {name!r}; there are: {there}")
    kind = nodetypes.of(node)
    command = kind.logs(node, lines) if kind is not None else ()
    if not command:
        raise InputError(
            f"where {node.name} (of type {node.type}) logs is not known: look on {node.host}, "
            "as with journalctl --user --unit NAME"
        )
    try:
        done = Hosts(workplace.shells, workplace.root).at(node.target).output(command, SECONDS)
    except HostError as error:
        raise LogsError(f"{node.name}: {error}") from None
    said = tuple(without_keys(line) for line in done.out.decode(errors="replace").splitlines())
    result = LogsResult(node.name, node.target, command, said)
    if done.code:
        # docker ends with "Run 'docker --help' for more information": what is wrong stands before
        told = [line for line in said if line.strip()][-LINES:]
        why = "; ".join(told) or f"{command[0]} ended with {done.code}"
        raise LogsError(f"{node.name} at {node.target}: {why}")
    return Outcome(result, Exit.FINE)
