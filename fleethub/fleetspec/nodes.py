"""Checks of whole nodes, after merging: chains, targets, ports, files, what FleetHub owns."""

from __future__ import annotations

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec.chains import Entry, Wrong, entries, hop, proxy_of
from fleethub.fleetspec.checks import Scene, sound
from fleethub.fleetspec.merge import OWN, Draft
from fleethub.fleetspec.positions import KeyPath
from fleethub.fleetspec.report import address_of, dotted, finding, shown
from fleethub.fleetspec.targets import (
    Refused,
    expand,
    image_problem,
    normal,
    place_of,
    relative_file,
)
from fleethub.fleetspec.values import Plain
from fleethub.model.fleet import Hop

#: What every node must have; a type may need more.
NEEDED = ("host", "model", "target")


class NodeCheck:
    """One node's checks; each reports what it finds through the scene."""

    def __init__(self, scene: Scene, draft: Draft) -> None:
        self.scene = scene
        self.draft = draft
        self.values = draft.values
        self.kind = nodetypes.get(draft.values.get("type", nodetypes.DEFAULT))

    def say(self, code: str, message: str, path: KeyPath, hint: str = "") -> None:
        """Report something about the value at a path of the node, where it was written."""
        source = self.draft.source(path, self.scene.sources)
        self.scene.sources.findings.append(
            finding(code, message, self.scene.sources.at(source), hint, address_of(source))
        )

    def run(self) -> None:
        """Everything about this node alone."""
        self.type()
        self.required()
        self.chain()
        self.texts()
        self.variables()
        self.owned()

    def type(self) -> None:
        if self.kind is None:
            message = f"there is no node type {self.values['type']!r}"
            self.say("template.missing", message, ("type",), f"one of {', '.join(nodetypes.names())}")
            return
        own = self.kind.table.name if self.kind.table else ""
        for name in OWN:
            if name != own and (*self.draft.layers[0], name) in self.scene.sources.places:
                message = f"{name} is no table of a node of type {self.kind.name}"
                self.say("spec.unknown-key", message, (name,), "take it out, or write another type")

    def required(self) -> None:
        hints = {
            "host": "write host = on the node",
            "model": "write model = on the node, its role or [defaults.node]",
            "target": 'write target = "ssh://user@{host}/srv/openclaw/{name}" or a folder',
            "image": 'write image = "ghcr.io/openclaw/openclaw:VERSION", in [defaults.node]',
        }
        for key, hint in hints.items():
            needed = key in NEEDED or (self.kind is not None and key in self.kind.required)
            if self.scene.complete and self.draft.whole and needed and key not in self.values:
                self.say("spec.missing", f"node {self.draft.name} has no {key}", (), hint)

    def chain(self) -> None:
        spec = self.scene.spec
        seen: dict[Hop, Entry] = {}
        for entry in entries(self.values.get("model"), self.values.get("fallbacks", [])):
            if not sound(self.scene, entry.model):
                continue
            way = hop(spec, entry)
            if isinstance(way, Wrong):
                continue  # said where it was written
            model = spec.models[entry.model]
            if not way.direct and proxy_of(spec, model) is None:
                self.say(
                    "chain.no-proxy",
                    f"{shown(entry.model)} ({entry}) is on no proxy and names no endpoint",
                    entry.path,
                    f'write {{ model = …, via = "{next(iter(ENGINES))}" }}, or give its backend a proxy',
                )
            if way in seen:
                self.twice(way, seen[way], entry)
            seen.setdefault(way, entry)
            least = self.kind.context_min if self.kind else 0
            if model.context < least:
                message = f"{shown(entry.model)} has a context of {model.context} tokens"
                self.scene.say(
                    "model.context-small",
                    message,
                    ("models", entry.model, "context"),
                    f"an agent's prompt needs {least} or more",
                )

    def twice(self, way: Hop, first: Entry, second: Entry) -> None:
        told = [
            f"{entry} ({self.draft.origin(entry.path, self.scene.sources) or 'its own'})" for entry in (first, second)
        ]
        self.say(
            "chain.duplicate",
            f"node {self.draft.name} has {way} twice: as {told[0]} and as {told[1]}",
            second.path,
            "keep one; fallbacks = [] on a node empties what a role gives",
        )

    def expanded(self, path: KeyPath, text: str) -> str | None:
        """The text with {host} and {name} filled in; None after a complaint, or without a host."""
        host = self.values.get("host")
        try:
            result = expand(text, str(host), self.draft.name)
        except Refused as refused:
            self.say("spec.placeholder", f"{dotted(path)} {refused}", path, refused.hint)
            return None
        return result if host is not None else None

    def texts(self) -> None:
        if image := self.values.get("image"):
            text = self.expanded(("image",), image)
            if text is not None and (problem := image_problem(text)):
                self.say(
                    "spec.value",
                    f"image {problem}",
                    ("image",),
                    'write it like "ghcr.io/openclaw/openclaw:1.2"',
                )
        used: dict[str, str] = {}
        written = self.values.get("files", {})
        defaults = {file.role: file.path for file in self.kind.files if file.path} if self.kind else {}
        for kind in sorted(defaults.keys() | written.keys()):
            file = self.expanded(("files", kind), written[kind]) if kind in written else defaults[kind]
            if file is None:
                continue
            try:
                file = relative_file(file)
            except Refused as refused:
                self.say("spec.value", f"files.{kind} {refused}", ("files", kind), refused.hint)
                continue
            clash = next((k for k, f in used.items() if (f + "/").startswith(file + "/")), None)
            clash = clash or next((k for k, f in used.items() if file.startswith(f + "/")), None)
            if clash:
                blamed = kind if kind in written else clash
                message = f"files.{kind} and files.{clash} take the same path"
                self.say("spec.duplicate", message, ("files", blamed), "give each its own")
            used[kind] = file

    def target(self) -> str | None:
        """The node's target, expanded and in its normal form; None after a complaint."""
        text = self.values.get("target")
        text = self.expanded(("target",), text) if text else None
        if text is None:
            return None
        try:
            return normal(text, self.scene.sources.root)
        except Refused as refused:
            self.say(refused.code, f"target {refused}", ("target",), refused.hint)
            return None

    def variables(self) -> None:
        settings = self.values.get(self.kind.table.name, {}) if self.kind and self.kind.table else {}
        for name, value in self.values.get("env", {}).items():
            if self.kind is not None and self.kind.owns_variable(name, settings):
                self.say("node.owned-path", f"env sets {name}, which FleetHub owns", ("env", name), "take it out")
            if isinstance(value, Plain):
                self.expanded(("env", name), value.value)

    def owned(self) -> None:
        whole = self.values.get("manage", "whole") == "whole"
        table = self.kind.table if self.kind else None
        if table is None:
            return
        for path in table.owned(self.values.get(table.name, {}), whole):
            self.say(
                "node.owned-path",
                f"{table.name} sets {dotted(path)}, which FleetHub owns",
                (table.name, *path),
                "take it out: FleetHub writes it from the chain, port and key",
            )


def check_nodes(scene: Scene, drafts: list[Draft]) -> None:
    """Every node by itself, then all of them against each other, and the keys that they use."""
    targets: dict[str, str] = {}
    ports: dict[tuple[str, int], str] = {}
    for draft in drafts:
        node = NodeCheck(scene, draft)
        node.run()
        if target := node.target():
            other = targets.setdefault(place_of(target), draft.name)
            if other != draft.name:
                message = f"nodes {other} and {draft.name} have the same target"
                node.say("target.duplicate", message, ("target",), "use {name} in it, or write one target for each")
            outer = next((t for t in targets if place_of(target).startswith(t + "/")), None)
            inner = next((t for t in targets if t.startswith(place_of(target) + "/")), None)
            if outer or inner:
                message = f"one of the targets of {targets[outer or inner or '']} and {draft.name} lies in the other"
                node.say("target.duplicate", message, ("target",), "give each node a folder of its own")
        host = draft.values.get("host")
        if host is None or scene.damage.hurt("nodes", draft.name):
            continue
        port = draft.values.get("port", node.kind.port if node.kind else 0)
        if not port:
            continue
        other = ports.setdefault((host.casefold(), port), draft.name)
        if other != draft.name:
            message = f"nodes {other} and {draft.name} both listen on port {port} of {host}"
            path: KeyPath = ("port",) if "port" in draft.values else ("host",)
            node.say("node.port-duplicate", message, path, "give one of them another port =")
    for draft in drafts:
        key = draft.values.get("key", draft.name)
        if key in scene.spec.keys and scene.spec.keys[key].models:
            scene.say(
                "key.models-of-node",
                f"key {key} is used by node {draft.name}, whose chain makes its scope",
                ("keys", key, "models"),
                "write also = for models beyond the chain",
            )
