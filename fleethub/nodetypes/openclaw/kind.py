"""The OpenClaw node types: what ``interface.NodeType`` asks, put together from the modules beside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleethub.model import address
from fleethub.model.actions import Check
from fleethub.model.facts import HostReading
from fleethub.model.finding import Finding, Severity
from fleethub.model.fleet import Fleet, Node
from fleethub.model.secret import Text
from fleethub.nodetypes.interface import ROLES, Role
from fleethub.nodetypes.openclaw import (
    block,
    chain,
    checks,
    compose,
    config,
    consequence,
    env,
    guide,
    machine,
    names,
    published,
    wiring,
)
from fleethub.nodetypes.openclaw.checks import Flaw

_TEMPLATES: dict[Role, str] = {
    "env": "env.j2",
    "compose": "compose.yaml.j2",
    "openclaw": "openclaw.json.j2",
    "fleethub": "FLEETHUB.md.j2",
}


@dataclass(frozen=True, slots=True)
class OpenClaw:
    """An OpenClaw gateway, in a container or run by the operator."""

    name: str
    container: bool

    def roles(self, node: Node) -> tuple[Role, ...]:
        """No compose file without a container, and a text for its agents only where the spec gives its path."""
        without = {*(() if self.container else ("compose",)), *(() if "fleethub" in node.files else ("fleethub",))}
        return tuple(role for role in ROLES if role not in without)

    @property
    def tools(self) -> tuple[str, ...]:
        """Docker, or OpenClaw itself."""
        return ("docker",) if self.container else ("openclaw",)

    def templates(self) -> Mapping[Role, str]:
        """One template for each role."""
        return _TEMPLATES

    def paths(self, node: Node) -> Mapping[Role, str]:
        """The usual places, unless the spec's ``files`` says otherwise."""
        places = {**names.DEFAULT_PATHS, **node.files}
        return {role: places[role] for role in self.roles(node)}

    def modes(self) -> Mapping[Role, int]:
        """Only ``.env`` holds secrets; the container's user reads the config."""
        return {role: 0o600 if role == "env" else 0o644 for role in ROLES}

    def folders(self, node: Node) -> tuple[str, ...]:
        """What OpenClaw writes to."""
        return ("state", "workspace")

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """Everything that the templates of a node may see."""
        legs = wiring.legs(fleet, node)
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
            **config.context(node, legs, self.container),
            **env.context(fleet, node, legs, self.container),
            "managed": [path for role, path in self.paths(node).items() if role != "fleethub"],
        }
        return {**values, **compose.context(node, self.paths(node))} if self.container else values

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """What is wrong with the node's block."""
        own = block.check(node, self.paths(node), self.container)
        flaws = [*own, *block.check_urls(fleet, node, self.container)]
        return tuple(_findings(node, flaws))

    def finish(self, role: Role, node: Node, text: Text) -> Text:
        """Only ``.env`` may hold secrets; the config is merged with the spec's and put into one form."""
        if role == "env":
            env.variables(text)
            return text
        if text.slots:
            raise ValueError("a secret stands in it; only the env file may hold one")
        if role == "openclaw":
            return Text((config.finish(node, text.display()),))
        if role == "fleethub":
            return guide.finish(text)
        if "\nservices:" not in f"\n{text.display()}":
            raise ValueError("it has no services: not a compose file")
        return text

    def schema(self, node: Node) -> str:
        """Of the image's version: what runs without a container is not pinned by the spec."""
        of = published.version(node.image) if self.container else ""
        return f"openclaw-{of}.json" if of else ""

    def check(
        self, fleet: Fleet, node: Node, files: Mapping[Role, Text], schema: Mapping[str, Any] | None = None
    ) -> tuple[Finding, ...]:
        """FleetHub's own checks of the config, with the variables that the process will have, and OpenClaw's schema."""
        pins = names.PINS if self.container else ()
        present = frozenset({*env.variables(files["env"]), *pins})
        written = json.loads(files["openclaw"].display())
        flaws = [*checks.check(written, present)]
        if schema is not None:
            flaws += published.check(written, schema, published.version(node.image))
        return tuple(_findings(node, flaws))

    def chain(self, config: bytes) -> tuple[str, ...] | None:
        """See ``chain.read_chain``."""
        return chain.read_chain(config)

    def consequence(self, role: Role, node: Node, before: bytes | None = None, after: bytes | None = None) -> str:
        """See ``consequence.consequence``."""
        return consequence.consequence(role, node, self.container, before, after)

    def activation(self, node: Node) -> tuple[str, ...]:
        """Compose recreates what changed; or the spec's command."""
        if node.command or not self.container:
            return node.command
        return compose.argv(self.paths(node), "up", "--detach", "--remove-orphans")

    def project(self, node: Node) -> str:
        """The Compose project."""
        return names.project(node) if self.container else ""

    def validation(self, node: Node) -> tuple[Check, ...]:
        """See ``machine.validation``."""
        return machine.validation(node, self.paths(node), self.container)

    def machine(self, node: Node, reading: HostReading, applied: bool) -> tuple[Finding, ...]:
        """See ``machine.check``."""
        flaws = [*machine.check(node, self.paths(node), self.container, reading, applied)]
        return tuple(_findings(node, flaws))


def _findings(node: Node, flaws: list[Flaw]) -> Iterator[Finding]:
    for flaw in flaws:
        override = Severity.WARNING if flaw.warning else None
        yield Finding(flaw.code, flaw.message, address.node(node.name), node.place, flaw.hint, (), override)
