"""The type ``sink``: what ``interface.NodeType`` asks of a program that takes a key on its standard input."""

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

NAME = "sink"
#: What stands for standard input where a type names a path.
STDIN = "stdin"
#: What it may get there -> whether that is JSON.
SHAPES = {"key": False, "env": False, "json": True, "json-string": True, "op-item": True}


class KeySink(Unasked):
    """A program that takes a key on its standard input."""

    name = NAME
    title = "a program that takes its key on standard input"
    consumers_only = True

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """What it gets, as if it were a file."""
        shape = node.sink.stdin if node.sink else "key"
        template = f"{shape}.j2" if shape in SHAPES else shape
        return (FileType(STDIN, template, "json" if SHAPES.get(shape) else "text", STDIN, mode=0o600, wiring=True),)

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each model; people are told of what it gets."""
        from fleethub.nodetypes.endpoints import BARE, endpoints

        return tuple(replace(to, variable=BARE) if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether there is one key, one URL that leads to all models, and no value that is more than a word."""
        from fleethub.nodetypes.endpoints import needs_one_key
        from fleethub.nodetypes.sink.words import unsafe

        chain = self.endpoints(fleet, node)
        if found := needs_one_key(node, chain, "what it gets has room for"):
            return found
        words = (*(node.sink.command if node.sink else ()), *node.command)
        models = [to.id for to in chain]
        if odd := unsafe(words, chain[0].url, models):
            message = f"{odd!r} has characters that cannot stand in a command safely"
            hint = 'take the placeholder out of command: stdin = "json" brings URL and models on standard input'
            return (Finding("node.config-check", message, node.address, node.place, hint),)
        return ()

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The key, the URL, the models."""
        from fleethub.nodetypes.endpoints import key_slot

        chain = self.endpoints(fleet, node)
        return {
            "name": node.name,
            "fleet": {"name": fleet.name},
            "owner": node.owner,
            "labels": dict(node.labels),
            "key": (slot := key_slot(fleet, node, chain[0].proxy)),
            "generation": slot.generation,
            "base_url": chain[0].url,
            "model": chain[0].id,
            "fallbacks": [to.id for to in chain[1:]],
            "models": [to.id for to in chain],
        }

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """One key stands in it, and what is JSON must be; what stands alone has no line of its own."""
        from fleethub.formats import strict

        if len(set(text.slots)) != 1:
            raise ValueError("{{ key }} must be in it")
        if file.format == "json":
            strict.check(text.display())
        return text
