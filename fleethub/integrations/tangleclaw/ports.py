"""Ports at PortHub, TangleClaw's ledger of them: the server's own is leased, those of nodes are held against it.

A lease is a project's word, no lock: nothing enforces it. TangleClaw takes away leases of names that are no project of
its own each time it starts, so one is made only for a project that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from fleethub.fleetspec import load
from fleethub.integrations.tangleclaw import shared_document as kept
from fleethub.integrations.tangleclaw.access import Access, connected
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.integrations.tangleclaw.log import Log
from fleethub.integrations.tangleclaw.result import StepOutcome
from fleethub.integrations.tangleclaw.shapes import PortLease, Project
from fleethub.model.consuming import Node
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.text import same_name

HERE = "localhost"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SERVICE = "fleethub"
DIRECT = "oc-direct-"  # what a lease's project begins with that is a tunnel of TangleClaw's own
SHORT = 2.0  # seconds for a call: a server that starts waits for it


class Leased(InputError):
    """The port is somebody else's at PortHub; the message names him."""

    code = "port-leased"


@dataclass(frozen=True, slots=True)
class Leasing:
    """What became of it: ``project`` has the lease, empty: nobody, and ``note`` says why (empty: nothing to say)."""

    project: str = ""
    note: str = ""


@contextmanager
def leased(root: Path, port: int) -> Iterator[Leasing]:
    """Have the port leased where this clone is registered with a TangleClaw of this machine, and give it back.

    Raises Leased where it is another project's; whatever else is in the way is a note.
    """
    try:
        before = kept.read(root / ".fleethub")
    except kept.SharedDocumentError as error:
        yield Leasing(note=f"port {port} is not leased at PortHub: {error}")
        return
    if before is None or not before.document or urlsplit(before.base).hostname not in LOOPBACK:
        yield Leasing()
        return
    made = _lease(root, port, before)
    try:
        yield made
    finally:
        if made.project:
            with connected(Log(before.base, root), Access(), before, SHORT) as client, suppress(TangleClawError):
                if client is not None:
                    client.release(HERE, port, made.project)


def _lease(root: Path, port: int, before: kept.SharedDocument) -> Leasing:
    log = Log(before.base, root)
    with connected(log, Access(), before, SHORT) as client:
        if client is None:
            return Leasing(note=f"port {port} is not leased at PortHub: {log.steps[0].detail}")
        try:
            project = holder(client.projects(), root)
            if project is None:
                return Leasing(
                    note=f"port {port} is not leased at PortHub: no project of TangleClaw holds {root.resolve()}"
                )
            client.lease(HERE, port, project, SERVICE, "FleetHub's page and API")
        except TangleClawError as error:
            if error.code == "PORT_CONFLICT":
                if (shows := _shown_by(client, port)) is not None:
                    return Leasing(
                        note=f"port {port} is leased at PortHub by TangleClaw's connection {shows}, to this page"
                    )
                raise Leased(f"{error}; serve at another --port") from None
            told = "TangleClaw does not answer" if error.outcome is StepOutcome.UNREACHABLE else str(error)
            return Leasing(note=f"port {port} is not leased at PortHub: {told}")
    return Leasing(project)


def _shown_by(client: TangleClaw, port: int) -> str | None:
    """The connection by which TangleClaw itself shows the page at a port of this machine: the lease is its own."""
    with suppress(TangleClawError):
        held = [lease.project for lease in client.leases() if lease.port == port and lease.host.casefold() in LOOPBACK]
        if any(project.startswith(DIRECT) for project in held):
            ours = (one for one in client.connections() if one.port == one.local == port)
            return next((one.name for one in ours if one.host.casefold() in LOOPBACK), None)
    return None


def holder(projects: Iterable[Project], root: Path) -> str | None:
    """The registered project whose folder the fleet lies in, the innermost."""
    holding = [one for one in projects if one.id is not None and one.path and _within(root, Path(one.path))]
    return max(holding, key=lambda one: len(Path(one.path or "").parts)).name if holding else None


def notes(client: TangleClaw, root: Path) -> Iterator[str]:
    """Nodes whose port is leased to somebody else on their machine. Raises TangleClawError."""
    fleet = load(root).fleet
    nodes = [node for node in fleet.nodes.values() if node.port] if fleet is not None else []
    for lease in client.leases() if nodes else ():
        for node in nodes:
            if lease.live and (lease.port, lease.host.casefold()) in _places(node) and not _own(lease, node):
                port, whose = f"port {node.port} of node {node.name}", f"{lease.project} ({lease.service})"
                what = f"write another port = in [nodes.{node.name}], or have that lease released"
                yield f"{port} on {node.host} is leased by {whose} at PortHub: {what}"


def _places(node: Node) -> set[tuple[int, str]]:
    host = node.host.casefold()
    return {(node.port, name) for name in (LOOPBACK if host in LOOPBACK else (host,))}


def _own(lease: PortLease, node: Node) -> bool:
    """Whose node it is; a tunnel of TangleClaw's own leads to it, and stands on another machine's port."""
    names = (node.name, node.owner, *node.projects)
    return lease.project.startswith(DIRECT) or any(name and same_name(lease.project, name) for name in names)


def _within(root: Path, folder: Path) -> bool:
    with suppress(OSError, RuntimeError):
        return root.resolve().is_relative_to(folder.expanduser().resolve())
    return False
