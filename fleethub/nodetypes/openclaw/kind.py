"""The OpenClaw node types: what ``interface.NodeType`` asks, put together from the modules beside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fleethub.model.finding import Finding, Severity
from fleethub.model.secret import Text
from fleethub.nodetypes.base import Base
from fleethub.nodetypes.interface import PublishedSchema, paths
from fleethub.nodetypes.openclaw import names
from fleethub.nodetypes.openclaw.files import FILES
from fleethub.nodetypes.openclaw.table import TABLE

if TYPE_CHECKING:
    from fleethub.model.actions import Query, SetCheck
    from fleethub.model.consuming import Node
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.host import HostReading
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.found import Adopted, FoundNode, FoundWay
    from fleethub.nodetypes.interface import FileType
    from fleethub.nodetypes.openclaw.checks import ConfigFinding
    from fleethub.nodetypes.openclaw.wiring import ProviderRoute
    from fleethub.nodetypes.projection import Projection


class OpenClaw(Base):
    """An OpenClaw gateway, in a container or run by the operator; without a container it has no compose file."""

    title = "OpenClaw"
    table = TABLE
    port = names.PORT
    providers = True
    overlay = "openclaw"
    context_min = 16_384  # its own prompt takes about 10k tokens for one line

    def lets_in(self, node: Node, origin: str) -> bool:
        """In a container nobody is a local client; without one whoever comes through a tunnel is."""
        from fleethub.nodetypes.openclaw.config import allowed

        return not self.container or node.manage != "whole" or origin in allowed(node)

    def __init__(self, name: str, container: bool) -> None:
        self.name, self.container = name, container
        self.ignores = frozenset() if container else frozenset({"image", "project", "origins"})
        self.files = FILES if container else tuple(file for file in FILES if file.role != "compose")

    @property
    def required(self) -> frozenset[str]:
        """An image, for a container."""
        return frozenset({"image"}) if self.container else frozenset()

    @property
    def tools(self) -> tuple[str, ...]:
        """Docker, or OpenClaw itself."""
        return ("docker",) if self.container else ("openclaw",)

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Those that FleetHub sets, and those that would redirect Docker Compose itself."""
        return names.owned_variable(name)

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """A wired node is run by what its operator wrote: its compose file, if it has one, is no business of ours."""
        own = tuple(file for file in self.files if file.path or file.role in node.files)
        if node.key_store == "file":
            from fleethub.nodetypes.openclaw import keystore

            own = keystore.files_of(node, own, self.container)
        else:
            own = tuple(file for file in own if file.role != "key")
        return tuple(file for file in own if file.role != "compose") if node.manage == "wiring" else own

    def folders(self, node: Node) -> tuple[str, ...]:
        """What OpenClaw writes to."""
        return () if node.manage == "wiring" else names.FOLDERS

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each step of the chain, by the providers that the spec names."""
        from fleethub.nodetypes.openclaw import wiring

        return tuple(route.to for route in wiring.routes(fleet, node))

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """Everything that the templates of a node may see."""
        from fleethub.nodetypes.openclaw import compose, config, env, wiring

        chain, where = wiring.routes(fleet, node), paths(self, node)
        values: dict[str, object] = {
            "node": {
                "name": node.name,
                "host": node.host,
                "image": node.image,
                "uid": node.uid,
                "owner": node.owner,
                "labels": dict(node.labels),
                "manage": node.manage,
            },
            "fleet": {"name": fleet.name},
            **config.context(node, chain, self.container),
            **env.context(fleet, node, chain, None if self.container else where["openclaw"]),
            **self._stored(fleet, node, chain),
            "managed": [path for role, path in where.items() if role != "fleethub"],
        }
        return {**values, **compose.context(node, where)} if "compose" in where else values

    def _stored(self, fleet: Fleet, node: Node, chain: tuple[ProviderRoute, ...]) -> Mapping[str, object]:
        """Where its key has a file; ``key_file`` is empty where it has none."""
        if node.key_store == "env":
            return {"key_file": "", "key_path": ""}
        from fleethub.nodetypes.openclaw import keystore

        return keystore.context(fleet, node, chain, paths(self, node), self.container)

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """What is wrong with the node's block."""
        from fleethub.nodetypes.openclaw import block, wiring

        where = paths(self, node)
        own = block.check(node, where, self.container)
        found = [*own, *block.check_urls(fleet, node, self.container)]
        if node.key_store == "file":
            from fleethub.nodetypes.openclaw import keystore

            found += keystore.check(node, wiring.routes(fleet, node), where, self.container)
        return tuple(_findings(node, found))

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """Only ``.env`` and the key's file may hold secrets; the config is merged with the spec's, in one form."""
        from fleethub.nodetypes import dotenv
        from fleethub.nodetypes.openclaw import config, guide

        if file.role == "env":
            dotenv.variables(text)
            return text
        if file.format == "key":
            return text
        if text.slots:
            raise ValueError("a secret stands in it; only the env file may hold one")
        if file.role == "openclaw":
            return Text((config.finish(node, text.display()),))
        if file.role == "fleethub":
            return guide.finish(text)
        if "\nservices:" not in f"\n{text.display()}":
            raise ValueError("it has no services: not a compose file")
        return text

    def schema(self, node: Node) -> PublishedSchema | None:
        """Of the image's version: what runs without a container is not pinned by the spec."""
        from fleethub.nodetypes.openclaw import published

        of = published.version(node.image) if self.container else ""
        return PublishedSchema(f"openclaw-{of}.json", "openclaw config schema") if of else None

    def check(
        self, fleet: Fleet, node: Node, files: Mapping[str, Text], schema: Mapping[str, Any] | None = None
    ) -> tuple[Finding, ...]:
        """FleetHub's own checks of the config, with the variables that the process will have, and OpenClaw's schema."""
        from fleethub.nodetypes import dotenv
        from fleethub.nodetypes.openclaw import checks, published

        pins = names.PINS if self.container else ()
        present = frozenset({*dotenv.variables(files["env"]), *pins})
        text = files["openclaw"].display()
        found = [*checks.check_text(text, present)]
        if schema is not None:
            found += published.check(json.loads(text), schema, published.version(node.image))
        return tuple(_findings(node, found))

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """What the config names; nothing where there is none."""
        from fleethub.nodetypes.openclaw import chain

        return chain.read_chain(files["openclaw"], node.wiring) if "openclaw" in files else ()

    def consequence(self, file: FileType, node: Node, before: bytes | None = None, after: bytes | None = None) -> str:
        """What the gateway does, as it was measured."""
        from fleethub.nodetypes.openclaw import consequence

        if file.told and self.tell(node) is not None:
            return consequence.TOLD
        return consequence.consequence(file.role, node, self.container, before, after)

    def activation(self, node: Node) -> tuple[str, ...]:
        """Compose recreates what changed; or the spec's command. What an operator set up is his files' affair."""
        from fleethub.nodetypes import compose as docker_compose

        if node.command or not self.container:
            return node.command
        if node.manage == "wiring":
            return docker_compose.UP
        return docker_compose.argv(paths(self, node), "up", "--detach", "--remove-orphans")

    def tell(self, node: Node) -> Query | None:
        """``openclaw secrets reload``."""
        if node.key_store == "env":
            return None
        from fleethub.nodetypes.openclaw import keystore

        return keystore.tell(node, paths(self, node), self.container)

    def turns(self, node: Node) -> tuple[Query, ...]:
        """Of each model that its key is for."""
        from fleethub.nodetypes.openclaw import keystore

        return keystore.turns(node, paths(self, node), self.container)

    def logs(self, node: Node, lines: int) -> tuple[str, ...]:
        """Compose's; of what an operator set up by the files that it takes by itself."""
        from fleethub.nodetypes import compose as docker_compose

        words = ("logs", "--no-color", "--tail", str(lines))
        if not self.container:
            return ()
        return (
            (*docker_compose.UP[:2], *words)
            if node.manage == "wiring"
            else docker_compose.argv(paths(self, node), *words)
        )

    def project(self, node: Node) -> str:
        """The spec's, or one by the node's name; what an operator set up is never ended."""
        return names.project(node) if self.container and node.manage == "whole" else ""

    def validation(self, node: Node) -> tuple[SetCheck, ...]:
        """Compose's and OpenClaw's own."""
        from fleethub.nodetypes.openclaw import machine

        return machine.validation(node, paths(self, node), self.container)

    def machine(self, node: Node, reading: HostReading, applied: bool) -> tuple[Finding, ...]:
        """A second stack, a port that is taken, a missing program."""
        from fleethub.nodetypes.openclaw import machine

        found = [*machine.check(node, paths(self, node), self.container, reading, applied)]
        return tuple(_findings(node, found))

    def recognise(self, file: FileType, data: bytes) -> str:
        """Sections of its config, services, names of variables."""
        from fleethub.nodetypes.openclaw import recognise

        return recognise.recognise(file.role, data)

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """Its providers, its chain, and FleetHub's own variables."""
        from fleethub.nodetypes.openclaw import projection

        if file.role == "env":
            return projection.env(fleet, node, text)
        return projection.config(fleet, node, text) if file.role == "openclaw" else None

    def keeps(self, fleet: Fleet, node: Node) -> frozenset[str]:
        """Those of the providers that say so."""
        return frozenset(named.proxy for named in node.wiring.values() if "key" in named.keep and named.proxy)

    def check_merged(
        self, node: Node, before: Mapping[str, bytes], after: Mapping[str, bytes], schema: Mapping[str, Any] | None
    ) -> tuple[Finding, ...]:
        """FleetHub's checks and OpenClaw's schema: what was wrong before is its operator's affair."""
        from fleethub.nodetypes.openclaw import projection, published

        of = published.version(node.image)
        new = [*projection.flaws(before, after), *projection.misfits(before, after, schema, of)]
        return tuple(_findings(node, new))

    def found(self, files: Mapping[str, bytes], settings: Mapping[str, Any]) -> FoundNode:
        """Its providers, their keys, and the chain of its agents."""
        from fleethub.nodetypes.openclaw import found

        return found.found(files)

    def adopted(self, found_node: FoundNode, ways: Mapping[str, FoundWay]) -> Adopted:
        """The chain, and a table of ``wiring`` for each provider in it."""
        from fleethub.nodetypes.openclaw import found

        return found.adopted(found_node, ways)


def _findings(node: Node, found: list[ConfigFinding]) -> Iterator[Finding]:
    for one in found:
        override = Severity.WARNING if one.warning else None
        yield Finding(one.code, one.message, node.address, node.place, one.hint, (), override)
