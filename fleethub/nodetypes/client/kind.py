"""What ``interface.NodeType`` asks of a program for people: settings without a secret, and its key beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fleethub.model.finding import Finding
from fleethub.nodetypes.base import Unasked
from fleethub.nodetypes.interface import SECRET, FileType

if TYPE_CHECKING:
    from fleethub.model.fleet import Fleet, Node
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint


class Client(Unasked):
    """A program that people call models with. ``variable``: of its key in its ``.env``; empty: a file has it alone.

    ``shared``: its files are its operator's, and FleetHub's variables in them alone are FleetHub's.
    """

    consumers_only = True

    def __init__(
        self, name: str, title: str, files: tuple[FileType, ...], variable: str = "", shared: bool = False
    ) -> None:
        self.name, self.title, self.files, self._variable = name, title, files, variable
        self.manage: Literal["whole", "wiring"] = "wiring" if shared else "whole"

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """All: its block has no variables of its own."""
        return True

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each model, with the key where the program looks for it."""
        from fleethub.nodetypes.endpoints import BARE, endpoints

        where = self._variable or BARE
        return tuple(replace(to, variable=where) if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether there is one key, and one URL that leads to all models."""
        from fleethub.nodetypes.endpoints import needs_one_key

        return needs_one_key(node, self.endpoints(fleet, node), f"{self.title} is given")

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The URL with and without ``/v1``, the models, the key, and where its files are below the target."""
        from fleethub.nodetypes.endpoints import key_slot

        chain = self.endpoints(fleet, node)
        return {
            "name": node.name,
            "fleet": {"name": fleet.name},
            "base_url": chain[0].url,
            "root_url": chain[0].url.removesuffix("/v1"),
            "models": [{"id": to.id, "context": to.model.context} for to in chain],
            "key": key_slot(fleet, node, chain[0].proxy),
            "paths": {file.role: node.files.get(file.role, file.path) for file in self.files},
        }

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """A secret stands in the ``.env``, or in the file of the key."""
        from fleethub.formats import strict
        from fleethub.nodetypes import dotenv

        if text.slots and file.format not in SECRET:
            raise ValueError("a secret stands in it; only its .env, or the file of its key, may hold one")
        if file.format == "dotenv":
            dotenv.variables(text)
        if file.format == "json":
            strict.check(text.display())
        return text
