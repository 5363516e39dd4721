"""The type ``envfile``: what ``interface.NodeType`` asks of a program with one ``.env``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.secret import Secret
from fleethub.nodetypes.base import Base
from fleethub.nodetypes.interface import FileType, Probe, SpecTable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleethub.model.consuming import Node
    from fleethub.model.fleet import Fleet
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.found import Adopted, FoundNode, FoundWay
    from fleethub.nodetypes.projection import Projection

NAME = "envfile"


@dataclass(frozen=True, slots=True)
class Names:
    """The node's ``envfile`` table, with the names that Open WebUI has where it says nothing."""

    url: str = "OPENAI_API_BASE_URL"
    key: str = "OPENAI_API_KEY"
    model: str = "DEFAULT_MODELS"
    prefix: str = ""
    health: str = "/health"
    keep: Collection[str] = ()


def _table() -> type[BaseModel]:
    from fleethub.nodetypes.envfile.table import EnvFileTable

    return EnvFileTable


class EnvFile(Base):
    """A program that takes one ``.env``."""

    name = NAME
    title = "a program with one .env"
    ignores = frozenset({"image", "project", "origins", "move_state", "key_store"})
    table = SpecTable(NAME, "What its program calls the variables in its .env", model=_table)
    files = (
        FileType(
            "env",
            "env.j2",
            "dotenv",
            ".env",
            mode=0o600,
            wiring=True,
            usual=(".env",),
            help="The environment file; default .env",
        ),
    )

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Those of the endpoint too."""
        names = Names(**settings)
        return super().owns_variable(name, settings) or name in (names.url, names.key, names.model)

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """With the key where the program looks for it, and always an endpoint of the OpenAI kind."""
        from fleethub.nodetypes.endpoints import endpoints

        names = Names(**node.settings)
        return tuple(replace(to, variable=names.key) if to.proxy else to for to in endpoints(fleet, node))

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """Whether one endpoint leads to all models of the chain."""
        first, *rest = self.endpoints(fleet, node)
        other = next((to for to in rest if to.url != first.url), None)
        if other is None:
            return ()
        message = f"{first.label} is at {first.url} and {other.label} at {other.url}: its .env has room for one"
        hint = "name models behind the same proxy, or leave that fallback away"
        return (Finding("node.config-check", message, node.address, node.place, hint),)

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """The endpoint's variables, and the node's own sorted by name."""
        from fleethub.nodetypes.endpoints import key_slot

        names, first = Names(**node.settings), self.endpoints(fleet, node)[0]
        key = key_slot(fleet, node, first.proxy) if first.proxy else "none"
        return {
            "node": {"name": node.name, "host": node.host, "owner": node.owner, "labels": dict(node.labels)},
            "fleet": {"name": fleet.name},
            "endpoint": [
                {"name": names.url, "value": first.url if first.proxy else first.url.removesuffix("/v1") + "/v1"},
                {"name": names.key, "value": key},
                {"name": names.model, "value": names.prefix + first.id},
            ],
            "variables": [{"name": name, "value": value} for name, value in sorted(node.env.items())],
        }

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """One form of lines, secrets in quotes."""
        from fleethub.nodetypes import dotenv

        dotenv.variables(text)
        return text

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """The one model that it names."""
        from fleethub.dotenv import assignments

        names = Names(**node.settings)
        if "env" not in files:
            return ()
        model = assignments(files["env"].decode(errors="replace")).get(names.model)
        return (model.removeprefix(names.prefix),) if model else None

    def probe(self, node: Node) -> Probe:
        """Where the spec gives a port."""
        return Probe(node.port, Names(**node.settings).health)

    def recognise(self, file: FileType, data: bytes) -> str:
        """Its variables, of which it has no usual ones."""
        from fleethub.dotenv import assignments

        names = assignments(data.decode(errors="replace"))
        return f"its {len(names)} variables" if names else ""

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """All variables that its template writes, but for what its table keeps as it is found."""
        from fleethub.nodetypes.endpoints import made_anew

        whole, names = super().projection(fleet, node, file, text), Names(**node.settings)
        proxy = self.endpoints(fleet, node)[0].proxy
        keep = {(names.url,)} if "url" in names.keep else set()
        keep |= {(names.key,)} if "key" in names.keep and not (proxy and made_anew(fleet, node, proxy)) else set()
        return replace(whole, keep=frozenset(keep)) if whole else whole

    def keeps(self, fleet: Fleet, node: Node) -> frozenset[str]:
        """Its one, where its table says so."""
        kept = "key" in Names(**node.settings).keep and node.manage == "wiring"
        return frozenset(to.proxy for to in self.endpoints(fleet, node)[:1] if kept and to.proxy)

    def found(self, files: Mapping[str, bytes], settings: Mapping[str, Any]) -> FoundNode:
        """Its one endpoint, under the names that its table says, else Open WebUI's."""
        from fleethub.dotenv import assignments
        from fleethub.nodetypes.found import FoundHop, FoundKey, FoundNode, FoundProvider

        names = Names(**settings)
        has = assignments(files.get("env", b"").decode(errors="replace"))
        url, key, model = (has.get(name) for name in (names.url, names.key, names.model))
        lost = [n for n, v in ((names.url, url), (names.model, model)) if not v or not v.startswith(_start(names, n))]
        if url is None or model is None or lost:
            return FoundNode(unclear=tuple(f"its .env does not say {name} so that it can be read" for name in lost))
        called = model.removeprefix(names.prefix)
        there = FoundKey("env", names.key, Secret(key)) if key else None
        return FoundNode((FoundHop("", called),), (), (FoundProvider("", url, "", {called: None}, there),))

    def adopted(self, found_node: FoundNode, ways: Mapping[str, FoundWay]) -> Adopted:
        """The one model; its URL and key are kept as they are where FleetHub would write others."""
        from fleethub.nodetypes.found import Adopted

        left = [*found_node.unclear]
        way, provider = ways.get(""), found_node.provider("")
        alias = way.aliases.get(found_node.chain[0].model) if way and found_node.chain else None
        if not left and (way is None or alias is None):
            left.append("its endpoint, or its model, is none of the fleet's")
        if left or way is None or provider is None or alias is None:
            return Adopted({}, tuple(left))
        hop = alias if way.proxy else {"model": alias, "via": way.endpoint}
        keep = ["key", *(["url"] if provider.url != way.url else [])]
        return Adopted({"manage": "wiring", "model": hop, "fallbacks": [], "envfile": {"keep": keep}})


def _start(names: Names, name: str) -> str:
    return names.prefix if name == names.model else ""
