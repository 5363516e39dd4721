"""Checks of whole nodes, after merging: chains, targets, ports, files, what FleetHub owns."""

from __future__ import annotations

from collections.abc import Iterator

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec.chains import Entry, LookupFailure, entries, hop, proxy_of
from fleethub.fleetspec.checks import CheckContext, sound
from fleethub.fleetspec.merge import OWN, MergedNode
from fleethub.fleetspec.report import address_of, dotted, finding, shown
from fleethub.fleetspec.targets import (
    Refused,
    above,
    expand,
    image_problem,
    normal,
    place_of,
    relative_file,
)
from fleethub.fleetspec.values import Plain
from fleethub.model.consuming import Hop
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath

#: What every node must have; a type may need more.
NEEDED = ("host", "model", "target")


class NodeCheck:
    """One node's checks; each yields what it finds."""

    def __init__(self, context: CheckContext, node: MergedNode) -> None:
        self.context = context
        self.node = node
        self.values = node.values
        self.what = f"{'consumer' if node.values.get('consumer') else 'node'} {node.name}"
        self.kind = context.kind(node.values.get("type", nodetypes.DEFAULT))

    def finding(self, code: str, message: str, path: KeyPath, hint: str = "") -> Finding:
        """Return a finding about the value at a path of the node, where it was written."""
        source = self.node.source(path, self.context.sources)
        return finding(code, message, self.context.sources.at(source), hint, address_of(source))

    @property
    def manage(self) -> str:
        """Whose its files are."""
        return str(self.values.get("manage", self.kind.manage if self.kind else "whole"))

    def run(self) -> Iterator[Finding]:
        """Everything about this node alone."""
        yield from self.type()
        yield from self.required()
        yield from self.chain()
        yield from self.texts()
        yield from self.variables()
        yield from self.owned()
        yield from self.wiring()
        yield from self.moving()

    def type(self) -> Iterator[Finding]:
        if self.kind is None:
            if self.values["type"] in self.context.types:
                return  # said where it is written
            message = f"there is no node type {self.values['type']!r}"
            yield self.finding("template.missing", message, ("type",), f"one of {', '.join(nodetypes.writable())}")
            return
        if self.kind.consumers_only and not self.values.get("consumer"):
            message = f"{self.kind.name} is no type of a node: a block of [consumers] is made of it"
            yield self.finding("spec.value", message, ("type",), f"one of {', '.join(nodetypes.writable())}")
        own = self.kind.table.name if self.kind.table else ""
        for name in OWN:
            if name != own and (*self.node.layers[0], name) in self.context.sources.places:
                message = f"{name} is no table of a node of type {self.kind.name}"
                yield self.finding("spec.unknown-key", message, (name,), "take it out, or write another type")
        for name in sorted(self.kind.ignores):
            if (*self.node.layers[0], name) in self.context.sources.places:
                message = f"{name} says nothing of a node of type {self.kind.name}"
                yield self.finding("spec.unknown-key", message, (name,), "take it out, or write another type")
        roles = [file.role for file in self.kind.files]
        for role in sorted(self.values.get("files", {}).keys() - roles):
            path = ("files", role)
            if self.node.source(path, self.context.sources)[0] != "defaults":
                message = f"files.{role} is no file of a node of type {self.kind.name}"
                yield self.finding("spec.unknown-key", message, path, f"its files: {', '.join(roles)}")

    def required(self) -> Iterator[Finding]:
        hints = {
            "host": "write host = on the node",
            "model": "write model = in its block"
            if self.values.get("consumer")
            else "write model = on the node, its role or [defaults.node]",
            "target": 'write target = "ssh://user@{host}/srv/openclaw/{name}" or a folder',
            "image": 'write image = "ghcr.io/openclaw/openclaw:VERSION", in [defaults.node]',
        }
        for key, hint in hints.items():
            whole = self.manage == "whole"  # else it is run by what its operator wrote
            needed = key in NEEDED or (self.kind is not None and key in self.kind.required and whole)
            if self.context.complete and self.node.whole and needed and key not in self.values:
                yield self.finding("spec.missing", f"{self.what} has no {key}", (), hint)

    def chain(self) -> Iterator[Finding]:
        spec = self.context.spec
        seen: dict[Hop, Entry] = {}
        for entry in entries(self.values.get("model"), self.values.get("fallbacks", [])):
            if not sound(self.context, entry.model):
                continue
            way = hop(spec, entry)
            if isinstance(way, LookupFailure):
                continue  # said where it was written
            model = spec.models[entry.model]
            if not way.direct and proxy_of(spec, model) is None:
                yield self.finding(
                    "chain.no-proxy",
                    f"{shown(entry.model)} ({entry}) is on no proxy and names no endpoint",
                    entry.path,
                    f'write {{ model = …, via = "{next(iter(ENGINES))}" }}, or give its backend a proxy',
                )
            if way in seen:
                yield self.twice(way, seen[way], entry)
            seen.setdefault(way, entry)
            least = self.kind.context_min if self.kind else 0
            if model.context < least:
                message = f"{shown(entry.model)} has a context of {model.context} tokens"
                yield self.context.finding(
                    "model.context-small",
                    message,
                    ("models", entry.model, "context"),
                    f"an agent's prompt needs {least} or more",
                )

    def wiring(self) -> Iterator[Finding]:
        """Providers of its own config: only where files are somebody else's, and each leads somewhere."""
        for id, table in self.values.get("wiring", {}).items():
            path = ("wiring", id)
            if self.kind is not None and not self.kind.providers:
                message = f"wiring is no table of a node of type {self.kind.name}: its files name no providers"
                yield self.finding("spec.unknown-key", message, path, "take it out")
            elif self.manage != "wiring":
                message = f"wiring.{id} names a provider, and all of the node's files are FleetHub's"
                yield self.finding("spec.value", message, path, 'write manage = "wiring", or take it out')
            elif bool(table.proxy) == bool(table.endpoint):
                message = f"wiring.{id} must lead to a proxy or to an endpoint"
                yield self.finding(
                    "spec.value", message, path, 'write proxy = "NAME", or endpoint = "BACKEND.ENDPOINT"'
                )
            elif table.proxy and table.proxy not in self.context.spec.proxies:
                known = ", ".join(sorted(self.context.spec.proxies)) or "none"
                message = f"wiring.{id}.proxy is {shown(table.proxy)}, which is no proxy"
                yield self.finding("spec.reference", message, (*path, "proxy"), f"one of {known}")
            elif table.endpoint and table.endpoint.partition(".")[0] not in self.context.spec.backends:
                known = ", ".join(sorted(self.context.spec.backends)) or "none"
                message = f"wiring.{id}.endpoint is {shown(table.endpoint)}, which names no backend"
                yield self.finding("spec.reference", message, (*path, "endpoint"), f"BACKEND.ENDPOINT, of {known}")

    def moving(self) -> Iterator[Finding]:
        """Only of a node that FleetHub started it is known what it keeps itself, and how it is ended."""
        if self.values.get("move_state") and self.values.get("manage", "whole") != "whole":
            message = 'move_state copies what a node keeps itself, and with manage = "wiring" that is its operator\'s'
            hint = "take move_state out, and copy those folders by hand"
            yield self.finding("spec.value", message, ("move_state",), hint)

    def twice(self, way: Hop, first: Entry, second: Entry) -> Finding:
        told = [
            f"{entry} ({self.node.origin(entry.path, self.context.sources) or 'its own'})" for entry in (first, second)
        ]
        return self.finding(
            "chain.duplicate",
            f"{self.what} has {way} twice: as {told[0]} and as {told[1]}",
            second.path,
            "keep one; fallbacks = [] on a node empties what a role gives",
        )

    def expanded(self, path: KeyPath, text: str) -> str | Finding | None:
        """Return the text with {host} and {name} filled in, what is wrong with it, or None without a host."""
        host = self.values.get("host")
        try:
            result = expand(text, str(host), self.node.name)
        except Refused as refused:
            return self.finding("spec.placeholder", f"{dotted(path)} {refused}", path, refused.hint)
        return result if host is not None else None

    def texts(self) -> Iterator[Finding]:
        if image := self.values.get("image"):
            text = self.expanded(("image",), image)
            if isinstance(text, Finding):
                yield text
            elif text is not None and (problem := image_problem(text)):
                yield self.finding(
                    "spec.value",
                    f"image {problem}",
                    ("image",),
                    'write it like "ghcr.io/openclaw/openclaw:1.2"',
                )
        used: dict[str, str] = {}
        written = self.values.get("files", {})
        defaults = {file.role: file.path for file in self.kind.files if file.path} if self.kind else {}
        roles = {file.role for file in self.kind.files} if self.kind else set()
        for kind in sorted(defaults.keys() | (written.keys() & roles)):
            file = self.expanded(("files", kind), written[kind]) if kind in written else defaults[kind]
            if isinstance(file, Finding):
                yield file
            if not isinstance(file, str):
                continue
            try:
                file = relative_file(file)
            except Refused as refused:
                yield self.finding("spec.value", f"files.{kind} {refused}", ("files", kind), refused.hint)
                continue
            clash = next((k for k, f in used.items() if (f + "/").startswith(file + "/")), None)
            clash = clash or next((k for k, f in used.items() if file.startswith(f + "/")), None)
            if clash:
                blamed = kind if kind in written else clash
                message = f"files.{kind} and files.{clash} take the same path"
                yield self.finding("spec.duplicate", message, ("files", blamed), "give each its own")
            used[kind] = file

    def target(self) -> str | Finding | None:
        """Return the node's target, expanded and in its normal form, what is wrong with it, or None without one."""
        text = self.values.get("target")
        text = self.expanded(("target",), text) if text else None
        if not isinstance(text, str):
            return text
        try:
            return normal(text, self.context.sources.root, self.kind.home if self.kind else "")
        except Refused as refused:
            return self.finding(refused.code, f"target {refused}", ("target",), refused.hint)

    def variables(self) -> Iterator[Finding]:
        settings = self.values.get(self.kind.table.name, {}) if self.kind and self.kind.table else {}
        for name, value in self.values.get("env", {}).items():
            if self.kind is not None and self.kind.owns_variable(name, settings):
                yield self.finding(
                    "node.owned-path", f"env sets {name}, which FleetHub owns", ("env", name), "take it out"
                )
            if isinstance(value, Plain) and isinstance(wrong := self.expanded(("env", name), value.value), Finding):
                yield wrong

    def owned(self) -> Iterator[Finding]:
        whole = self.manage == "whole"
        table = self.kind.table if self.kind else None
        if table is None:
            return
        for path in table.owned(self.values.get(table.name, {}), whole):
            yield self.finding(
                "node.owned-path",
                f"{table.name} sets {dotted(path)}, which FleetHub owns",
                (table.name, *path),
                "take it out: FleetHub writes it from the chain, port and key",
            )


def check_nodes(context: CheckContext, nodes: list[MergedNode]) -> Iterator[Finding]:
    """Every node by itself, then all of them against each other, and the keys that they use."""
    targets: dict[str, str] = {}
    nested: dict[str, str] = {}  # folders that a target lies in, and whose
    ports: dict[tuple[str, int], str] = {}
    for one in nodes:
        check = NodeCheck(context, one)
        yield from check.run()
        target = check.target()
        if isinstance(target, Finding):
            yield target
        elif target:
            place = place_of(target)
            other = targets.setdefault(place, one.name)
            if other != one.name:
                message = f"nodes {other} and {one.name} have the same target"
                hint = "use {name} in it, or write one target for each"
                if check.kind is not None and place == check.kind.home:
                    hint = (
                        'one block has all of its models there; another key goes by file = "key" in a block of its own'
                    )
                yield check.finding("target.duplicate", message, ("target",), hint)
            outer = (targets[folder] for folder in above(place) if folder in targets)
            if near := nested.get(place) or next(outer, None):
                message = f"one of the targets of {near} and {one.name} lies in the other"
                yield check.finding("target.duplicate", message, ("target",), "give each node a folder of its own")
            for folder in above(place):
                nested.setdefault(folder, one.name)
        host = one.values.get("host")
        if host is None or context.validated.incomplete("nodes", one.name):
            continue
        port = one.values.get("port", check.kind.port if check.kind else 0)
        if not port:
            continue
        other = ports.setdefault((host.casefold(), port), one.name)
        if other != one.name:
            message = f"nodes {other} and {one.name} both listen on port {port} of {host}"
            path: KeyPath = ("port",) if "port" in one.values else ("host",)
            yield check.finding("node.port-duplicate", message, path, "give one of them another port =")
    for one in nodes:
        key = one.values.get("key", one.name)
        if key in context.spec.keys and context.spec.keys[key].models:
            yield context.finding(
                "key.models-of-node",
                f"key {key} is used by node {one.name}, whose chain makes its scope",
                ("keys", key, "models"),
                "write also = for models beyond the chain",
            )
