"""What ``interface.NodeType`` asks of a program for people: settings without a secret, and its key beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fleethub.model.finding import Finding
from fleethub.nodetypes.base import Unasked
from fleethub.nodetypes.interface import SECRET, FileType, Format

if TYPE_CHECKING:
    from fleethub.model.consuming import Node
    from fleethub.model.fleet import Fleet
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.projection import Path, Projection

#: What the name of an entry of FleetHub's begins with, in a list that is somebody else's.
OWN = "fleethub/"
#: The formats of files that can have two owners.
SHARED: frozenset[Format] = frozenset(("dotenv", "yaml"))


class Client(Unasked):
    """A program that people call models with. ``variable``: of its key in its ``.env``; empty: a file has it alone.
    ``calls``: the models that its files, by role, name, whatever it may be that is no text.

    ``shared``: its files are its operator's, and FleetHub's variables in them alone are FleetHub's. ``kept``: what its
    settings must say of themselves, and their operator says otherwise as he likes.
    """

    consumers_only = True

    def __init__(
        self,
        name: str,
        title: str,
        files: tuple[FileType, ...],
        variable: str = "",
        calls: Callable[[Mapping[str, bytes], str], Iterable[Any]] = lambda files, own: (),
        shared: bool = False,
        kept: frozenset[str] = frozenset(),
    ) -> None:
        self.name, self.title, self.files, self._variable, self._kept = name, title, files, variable, kept
        self._calls = calls
        self.manage: Literal["whole", "wiring"] = "wiring" if shared else "whole"

    def calls(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """The models that its settings name, each once."""
        named = self._calls(files, OWN if node.manage == "wiring" else "")
        return tuple(dict.fromkeys(one for one in named if isinstance(one, str) and one))

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """All: its block has no variables of its own."""
        return True

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """All."""
        return self.files

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each model, with the key where the program looks for it."""
        from fleethub.nodetypes.endpoints import BARE, endpoints

        where = self._variable or BARE
        return tuple(replace(to, variable=where) if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether there is one key, one URL that leads to all models, and room for two owners in its files."""
        from fleethub.nodetypes.endpoints import needs_one_key

        if node.manage == "wiring" and not {file.format for file in self.files} <= SHARED:
            message = f"{self.title} is given files of its own, and all of them are FleetHub's"
            hint = "take manage out: it reads its operator's settings beside them"
            return (Finding("node.config-check", message, node.address, node.place, hint),)
        return needs_one_key(node, self.endpoints(fleet, node), f"{self.title} is given")

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The URL with and without ``/v1``, the models, the key, where its files are below the target; and ``own``,
        with which the name of an entry of FleetHub's begins in a list that is somebody else's.
        """
        from fleethub.nodetypes.endpoints import key_slot

        chain = self.endpoints(fleet, node)
        return {
            "name": node.name,
            "fleet": {"name": fleet.name},
            "base_url": chain[0].url,
            "root_url": chain[0].url.removesuffix("/v1"),
            "own": OWN if node.manage == "wiring" else "",
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
        if file.format == "yaml" and node.manage != "wiring":
            from fleethub.formats import yaml

            yaml.check(text.display())
        elif file.format == "yaml":
            for (_, name), _ in _parts(text)[1].items():
                if not name.startswith(OWN):
                    raise ValueError(
                        f"an entry is named {name!r}, and must begin with {{{{ own }}}}, to be known there"
                    )
        return text

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """Of its ``.env`` all variables; of its settings each key, and of a list of tables its own entries."""
        from fleethub.nodetypes.projection import Projection

        if file.format != "yaml":
            return super().projection(fleet, node, file, text)
        values, units = _parts(text)
        lists = frozenset(path[:1] for path in units)
        keep = frozenset(path for path in values if path[0] in self._kept)
        return Projection(
            values=values,
            units=units,
            keep=keep,
            fresh={(): {}, **{path: [] for path in sorted(lists)}},
            sweep=dict.fromkeys(sorted(lists), OWN),
            lists=lists,
            lends={(): tuple(path[0] for path in values if path not in keep)} if values.keys() - keep else {},
        )


def _parts(text: Text) -> tuple[dict[Path, Any], dict[Path, Any]]:
    """The single values of rendered settings, and the entries of their lists of tables; raises ValueError."""
    from fleethub.formats import yaml
    from fleethub.formats.named import name_of
    from fleethub.formats.yaml_tree import root_of, unsaid

    rendered, root = yaml.read(text.display().encode()), root_of(text.display())
    if rendered is None:
        raise ValueError(yaml.obstacle(text.display().encode(), ()))
    if root is not None and (line := unsaid(root)) is not None:
        raise ValueError(f"line {line} says what JSON has not, as a date or an alias: write it out, in quotes")
    values: dict[Path, Any] = {}
    units: dict[Path, Any] = {}
    for key, value in rendered.items():
        named = [name_of(one) for one in value] if isinstance(value, list) else []
        if any(isinstance(one, dict) for one in (value if named else ())):
            if None in named or len({*named}) < len(named):
                raise ValueError(f"each entry of its {key} must have a name of its own, to be known there")
            units |= {(key, str(name)): one for name, one in zip(named, value, strict=True)}
        else:
            values[(key,)] = value
    return values, units
