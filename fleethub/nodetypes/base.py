"""What most types of node have in common: the answers of a program that FleetHub knows nothing special about."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from fleethub.nodetypes.interface import Probe

if TYPE_CHECKING:
    from fleethub.model.actions import Query, SetCheck
    from fleethub.model.consuming import Node
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.host import HostReading
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.found import Adopted, FoundNode, FoundWay
    from fleethub.nodetypes.interface import FileType, PublishedSchema, SpecTable
    from fleethub.nodetypes.projection import Projection


class Base:
    """A type whose nodes run as the spec's command starts them, and that has nothing to check."""

    table: SpecTable | None = None
    title = ""
    port = 0
    context_min = 0
    files: tuple[FileType, ...] = ()
    overlay = ""
    providers = False
    consumers_only = False
    manage: Literal["whole", "wiring"] = "whole"
    home = ""
    ignores: frozenset[str] = frozenset()

    def lets_in(self, node: Node, origin: str) -> bool:
        """Nothing is known of pages that it serves."""
        return True

    @property
    def required(self) -> frozenset[str]:
        """Nothing more."""
        return frozenset()

    @property
    def tools(self) -> tuple[str, ...]:
        """None that is known."""
        return ()

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """FleetHub's own names."""
        return name.startswith("FLEETHUB_")

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """Those without a place of their own only where the spec gives one; of a wired node its ``.env`` alone."""
        own = tuple(file for file in self.files if file.path or file.role in node.files)
        return tuple(file for file in own if file.format == "dotenv") if node.manage == "wiring" else own

    def folders(self, node: Node) -> tuple[str, ...]:
        """None."""
        return ()

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each step of the chain."""
        from fleethub.nodetypes.endpoints import endpoints

        return endpoints(fleet, node)

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Nothing."""
        return ()

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """Nothing: where its files name their models is its own."""
        return ()

    def calls(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def recognise(self, file: FileType, data: bytes) -> str:
        """Nothing."""
        return ""

    def schema(self, node: Node) -> PublishedSchema | None:
        """None."""
        return None

    def check(
        self, fleet: Fleet, node: Node, files: Mapping[str, Text], schema: Mapping[str, Any] | None = None
    ) -> tuple[Finding, ...]:
        """Nothing."""
        return ()

    def consequence(self, file: FileType, node: Node, before: bytes | None = None, after: bytes | None = None) -> str:
        """Read while it runs, or with a restart by the spec's command."""
        if file.hot:
            return "read while it runs"
        return f"restart by {shlex.join(node.command)}" if node.command else "restart by hand"

    def activation(self, node: Node) -> tuple[str, ...]:
        """The spec's command."""
        return node.command

    def tell(self, node: Node) -> Query | None:
        """Nothing that is known."""
        return None

    def turns(self, node: Node) -> tuple[Query, ...]:
        """None that is known."""
        return ()

    def logs(self, node: Node, lines: int) -> tuple[str, ...]:
        """None that is known."""
        return ()

    def project(self, node: Node) -> str:
        """None."""
        return ""

    def probe(self, node: Node) -> Probe:
        """A health check where the spec gives a port."""
        return Probe(node.port)

    def validation(self, node: Node) -> tuple[SetCheck, ...]:
        """None."""
        return ()

    def machine(self, node: Node, reading: HostReading, applied: bool) -> tuple[Finding, ...]:
        """Nothing."""
        return ()

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """All variables that its template writes."""
        from fleethub.nodetypes.projection import Projection, variables

        return Projection(values={(name,): value for name, value in variables(text).items()})

    def keeps(self, fleet: Fleet, node: Node) -> frozenset[str]:
        """None."""
        return frozenset()

    def check_merged(
        self, node: Node, before: Mapping[str, bytes], after: Mapping[str, bytes], schema: Mapping[str, Any] | None
    ) -> tuple[Finding, ...]:
        """Nothing."""
        return ()

    def found(self, files: Mapping[str, bytes], settings: Mapping[str, Any]) -> FoundNode:
        """Nothing: where its files name their models is its own."""
        from fleethub.nodetypes.found import FoundNode

        return FoundNode(unclear=(f"where the files of {self.title} name their models is not known",))

    def adopted(self, found_node: FoundNode, ways: Mapping[str, FoundWay]) -> Adopted:
        """Nothing can be said."""
        from fleethub.nodetypes.found import Adopted

        return Adopted({}, found_node.unclear)


class Unasked(Base):
    """A program for people, or in a person's hands: it only takes its key, and nothing of it is asked."""

    def probe(self, node: Node) -> Probe:
        """It is not asked."""
        return Probe(0, "")
