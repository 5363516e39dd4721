"""The type ``tangleclaw``: what ``interface.NodeType`` asks of the profiles of one TangleClaw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fleethub.model.finding import Finding
from fleethub.nodetypes.base import Base
from fleethub.nodetypes.interface import FileType, SpecTable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleethub.model.consuming import Node
    from fleethub.model.fleet import Fleet
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.projection import Projection

NAME = "tangleclaw"
HOME = "~/.tangleclaw"
START = "fleethub-"  # what its profiles' names begin with: all others are the operator's
KEY = "fleethub.key"
PROFILES = "orchestration-profiles.json"
PREFIX = "openai/"  # TangleClaw gives a model on with --model: Aider takes what stands before it for the provider


def _table() -> type[BaseModel]:
    from fleethub.nodetypes.tangleclaw.table import TangleClawTable

    return TangleClawTable


class TangleClawProfiles(Base):
    """Profiles in a file that is TangleClaw's operator's, and the key that they refer to."""

    name = NAME
    title = "TangleClaw's orchestration profiles"
    manage = "wiring"
    home = HOME
    ignores = frozenset(
        {"image", "project", "origins", "port", "env", "files", "command", "uid", "activate", "move_state", "restart"}
    )
    table = SpecTable(NAME, "Its orchestration profiles of FleetHub's", model=_table)
    files = (  # the key first: a profile without its key file refuses the launch
        FileType("key", "key.j2", "key", KEY, mode=0o600, hot=True, wiring=True, help="The key alone"),
        FileType("profiles", "profiles.json.j2", "json", PROFILES, mode=0o600, hot=True, wiring=True, help=PROFILES),
    )

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """Both."""
        return self.files

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Each model; the key has no variable, and people are told of the file."""
        from fleethub.nodetypes.endpoints import endpoints

        return tuple(replace(to, variable="the key") if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether each model has a profile, each profile a model, and one key is enough for them."""
        return tuple(
            Finding("node.config-check", message, node.address, node.place, hint)
            for message, hint in self._flaws(fleet, node)
        )

    def _flaws(self, fleet: Fleet, node: Node) -> Iterator[tuple[str, str]]:
        from fleethub.nodetypes.endpoints import endpoints

        if node.manage != "wiring":
            yield f"{PROFILES} is TangleClaw's, and manage says that all of it is FleetHub's", 'write manage = "wiring"'
        if not node.target.startswith(("ssh://", HOME, "/")):
            hint = f'"{HOME}", its whole path where TANGLECLAW_HOME names another, or "ssh://user@host/home/user/…"'
            yield f"its target {node.target} is not TangleClaw's folder", hint
        field = "profile" if node.consumer else "profiles"
        chain, named = [to.label for to in endpoints(fleet, node)], self._profiles(node)
        for profile, model in named.items():
            if model not in chain:
                hint = f"write it as model or among fallbacks; there are {', '.join(chain)}"
                yield f"profile {profile} has {model}, which is no model of the node", hint
        for model in chain:
            if model not in named.values():
                written = ", ".join(f'{name.removeprefix(START)} = "{one}"' for name, one in named.items())
                hint = f'write {field} = {{ {written}, NAME = "{model}" }}, or take it out'
                yield f"no profile has its model {model}", hint
        ways = {to.proxy for to in endpoints(fleet, node)}
        if len(ways) > 1 or "" in ways:
            told = "a way straight to a model server" if "" in ways else f"keys of {' and '.join(sorted(ways))}"
            yield f"its models need {told}: profiles have one key", "name models behind one proxy"

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The profiles by name, sorted, and the key."""
        from fleethub.nodetypes.endpoints import endpoints, key_slot

        to = {one.label: one for one in endpoints(fleet, node)}
        folder = urlsplit(node.target).path if "://" in node.target else node.target
        first, start = endpoints(fleet, node)[0], _prefix(node)
        return {
            "node": {"name": node.name, "host": node.host, "owner": node.owner, "labels": dict(node.labels)},
            "fleet": {"name": fleet.name},
            "key": key_slot(fleet, node, first.proxy) if first.proxy else "none",
            "profiles": {
                name: {"baseUrl": to[model].url, "model": start + to[model].id, "keyRef": f"file:{folder}/{KEY}"}
                for name, model in sorted(self._profiles(node).items())
                if model in to
            },
        }

    def _profiles(self, node: Node) -> dict[str, str]:
        """The model's alias by the name of its profile, as TangleClaw lists it."""
        named: Mapping[str, str] = node.settings.get("profiles") or {node.name: node.chain[0].model}
        return {START + name.removeprefix(START): model for name, model in named.items()}

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """The key alone in its file; no secret in the other."""
        from fleethub.formats import strict

        if file.format == "key":
            if len(text.slots) != 1 or "".join(part for part in text.parts if isinstance(part, str)).strip():
                raise ValueError("it is not the key alone: TangleClaw takes the whole file for it")
            return text
        if text.slots:
            raise ValueError("a secret stands in it; only the key file may hold one")
        if _own(strict.loads(text.display())) is None:
            raise ValueError("it has no table profiles")
        return text

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """The models of its profiles in the node's order, then others that somebody wrote there."""
        from fleethub.formats import strict

        if "profiles" not in files:
            return ()
        try:
            own = _own(strict.loads(files["profiles"].decode()))
        except (ValueError, RecursionError):
            return None
        if own is None:
            return None
        written = [str(one.get("model") if isinstance(one, dict) else None) for one in own.values()]
        models = {model.removeprefix(_prefix(node)) for model in written}
        known = [hop.model for hop in node.chain if hop.model in models]
        return (*known, *sorted(models - {*known}))

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """The profiles whose names are FleetHub's; the key's file is its own whole."""
        from fleethub.nodetypes.projection import Projection

        if file.format == "key":
            return None
        own = _own(json.loads(text.display())) or {}
        return Projection(
            units={("profiles", name): one for name, one in own.items()},
            sweep={("profiles",): START},
            required=True,
        )

    def check_merged(
        self, node: Node, before: Mapping[str, bytes], after: Mapping[str, bytes], schema: Mapping[str, Any] | None
    ) -> tuple[Finding, ...]:
        """TangleClaw reads JSON, and takes a file that it cannot read for none."""
        from fleethub.formats import strict

        try:
            strict.loads(after.get("profiles", b"{}").decode())
        except (ValueError, RecursionError) as error:
            message = f"{PROFILES} is no JSON, so TangleClaw has no profile at all: {error}"
            hint = "mend it there by hand, then plan again"
            return (Finding("node.config-check", message, node.address, node.place, hint),)
        return ()


def _prefix(node: Node) -> str:
    """What stands before a model's alias in its profiles."""
    return str(node.settings.get("prefix", PREFIX))


def _own(root: Any) -> dict[str, Any] | None:
    """The profiles that are FleetHub's by their names; None where there is no such table."""
    there = root.get("profiles", {}) if isinstance(root, dict) else None
    return {name: one for name, one in there.items() if name.startswith(START)} if isinstance(there, dict) else None
