"""The type ``keyfile``: what ``interface.NodeType`` asks of a program that reads its key from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fleethub.model.finding import Finding
from fleethub.nodetypes.base import Unasked
from fleethub.nodetypes.interface import FileType

if TYPE_CHECKING:
    from fleethub.model.consuming import Node
    from fleethub.model.fleet import Fleet
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint


NAME = "keyfile"


class KeyFile(Unasked):
    """A program that reads its key from a file."""

    name = NAME
    title = "a program that reads its key from a file"
    ignores = frozenset({"image", "project", "origins", "env", "key_store"})
    files = (
        FileType("key", "key.j2", "key", "key", mode=0o600, wiring=True, help="The file of its key; default key"),
        FileType("settings", "settings.json.j2", "json", mode=0o644, wiring=True, help="URL and models, as JSON"),
    )

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each model; the key has no variable, and people are told of the file."""
        from fleethub.nodetypes.endpoints import BARE, endpoints

        return tuple(replace(to, variable=BARE) if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether there is one key, and one URL that leads to all models."""
        from fleethub.nodetypes.endpoints import needs_one_key

        return needs_one_key(node, self.endpoints(fleet, node), "its file has room for")

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The key, the URL and the models."""
        from fleethub.nodetypes.endpoints import key_slot

        chain = self.endpoints(fleet, node)
        return {
            "key": key_slot(fleet, node, chain[0].proxy),
            "settings": {"base_url": chain[0].url, "model": chain[0].id, "fallbacks": [to.id for to in chain[1:]]},
        }

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """A secret stands in the file of the key alone."""
        from fleethub.formats import strict

        if file.format == "json":
            if text.slots:
                raise ValueError("a secret stands in it; only the file of the key may hold one")
            strict.check(text.display())
        return text

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """What its settings name, where it has them; a key says nothing of models."""
        from fleethub.formats import json5

        if "settings" not in files:
            return ()
        found = json5.read(files["settings"])
        rest = (found or {}).get("fallbacks") or []
        models = [found.get("model"), *(rest if isinstance(rest, list) else [None])] if found else [None]
        named = tuple(model for model in models if isinstance(model, str))
        return named if len(named) == len(models) else None
