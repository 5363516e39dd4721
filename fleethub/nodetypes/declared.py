"""A type that a fleet brings with templates alone: its files, command and probe are those of its ``type.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleethub.formats import strict
from fleethub.model.consuming import DeclaredType, Node
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Text
from fleethub.nodetypes import dotenv
from fleethub.nodetypes.base import Base
from fleethub.nodetypes.endpoints import ModelEndpoint, endpoints, key_slot
from fleethub.nodetypes.interface import FileType, Probe


class Declared(Base):
    """What ``interface.NodeType`` asks, answered from values."""

    ignores = frozenset({"move_state", "key_store"})

    def __init__(self, of: DeclaredType) -> None:
        self.name, self.title, self.port, self._health, self._key = of.name, of.title, of.port, of.health, of.key
        self.files = tuple(
            FileType(f.role, f.template, f.format, f.path, mode=f.mode, hot=f.hot, wiring=True) for f in of.files
        )

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """The key's too."""
        return super().owns_variable(name, settings) or (bool(name) and name == self._key)

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """With the key where the program looks for it."""
        return tuple(
            replace(to, variable=self._key or to.variable) if to.proxy else to for to in endpoints(fleet, node)
        )

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether one variable is enough for its keys."""
        proxies = sorted({to.proxy for to in self.endpoints(fleet, node) if to.proxy})
        if not self._key or len(proxies) < 2:
            return ()
        message = f"its models are on {' and '.join(proxies)}, and {self._key} has room for the key of one"
        hint = "name models behind the same proxy, or take key out of its type.toml"
        return (Finding("node.config-check", message, node.address, node.place, hint),)

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The node, the steps of its chain, its keys, and its own variables sorted by name."""
        chain = self.endpoints(fleet, node)
        proxies = sorted({to.variable: to.proxy for to in chain if to.proxy}.items())
        return {
            "node": {
                "name": node.name,
                "host": node.host,
                "image": node.image,
                "port": node.port,
                "uid": node.uid,
                "owner": node.owner,
                "labels": dict(node.labels),
            },
            "fleet": {"name": fleet.name},
            "hops": [
                {
                    "id": to.id,
                    "label": to.label,
                    "url": to.url,
                    "proxy": to.proxy,
                    "variable": to.variable,
                    "context": to.model.context,
                    "capabilities": list(to.model.capabilities),
                }
                for to in chain
            ],
            "keys": [{"name": name, "value": key_slot(fleet, node, proxy)} for name, proxy in proxies],
            "variables": [{"name": name, "value": value} for name, value in sorted(node.env.items())],
        }

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """A secret stands in a ``.env`` alone, and what is to be JSON or YAML must be."""
        if file.format == "dotenv":
            dotenv.variables(text)
            return text
        if text.slots:
            raise ValueError("a secret stands in it; only a file of the format dotenv may hold one")
        if file.format == "json":
            strict.check(text.display())
        if file.format == "yaml":
            from fleethub.formats import yaml  # few fleets have such a file, and PyYAML takes its time to come

            yaml.check(text.display())
        return text

    def probe(self, node: Node) -> Probe:
        """The type's, at the node's port."""
        return Probe(node.port if self._health else 0, self._health)
