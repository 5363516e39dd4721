"""What needs two values to judge: names that refer to others, and what models, roles and keys may say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleethub import nodetypes
from fleethub.engines.registry import ENGINES
from fleethub.fleetspec import report
from fleethub.fleetspec.chains import Entry, Wrong, entries, hop, proxy_of
from fleethub.fleetspec.positions import KeyPath
from fleethub.fleetspec.schema import RoleTable, Spec
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.validate import Damage

MAGIC = ("all-proxy-models", "all-team-models", "no-default-models", "all-model-access-groups")
GROUPS = ("proxies", "backends", "models", "roles", "nodes", "keys")
ONE = {"proxies": "proxy", "backends": "backend", "models": "model", "roles": "role"}


@dataclass(frozen=True)
class Scene:
    """What every check looks at. ``defined`` names each group's members, those that are broken too."""

    spec: Spec
    sources: Sources
    damage: Damage
    defined: Mapping[str, frozenset[str]]
    complete: bool  # no file of the spec was missing or unreadable

    def say(self, code: str, message: str, path: KeyPath, hint: str = "") -> None:
        """Report something about the value at a path."""
        place, address = self.sources.at(path), report.address_of(path)
        self.sources.findings.append(report.finding(code, message, place, hint, address))

    def refer(self, group: str, name: str | None, path: KeyPath) -> bool:
        """True when a name is defined and unbroken; says so when it is not defined."""
        if name is None:
            return False
        if name not in self.defined[group] and self.complete and not self.damage.hurt(group):
            what = ONE[group]
            plural = group if group != "proxies" else "proxy"
            hint = report.nearest(name, self.defined[group], plural.removesuffix("s"))
            self.say("spec.reference", f"there is no {what} {report.shown(name)}", path, hint)
        return name in getattr(self.spec, group)


def check(scene: Scene) -> None:
    """All checks but those of whole nodes."""
    _names(scene)
    _backends(scene)
    _models(scene)
    _role(scene, ("defaults", "node"), scene.spec.defaults.node)
    for name, role in scene.spec.roles.items():
        _role(scene, ("roles", name), role)
    for name, node in scene.spec.nodes.items():
        scene.refer("roles", node.role, ("nodes", name, "role"))
        _role(scene, ("nodes", name), node)
    _keys(scene)


def _names(scene: Scene) -> None:
    for group in GROUPS:
        if group == "roles":
            continue
        seen: dict[str, str] = {}
        for name in sorted(scene.defined[group], key=lambda n: (scene.sources.key((group, n)), n)):
            other = seen.setdefault(name.casefold(), name)
            if other != name:
                message = f"{report.shown(name)} and {report.shown(other)} differ by case alone"
                place = scene.sources.key((group, name))
                scene.sources.complain("spec.name-case", message, place, "rename one of them")


def _backends(scene: Scene) -> None:
    for name, backend in scene.spec.backends.items():
        scene.refer("proxies", backend.proxy, ("backends", name, "proxy"))
        for engine in sorted(ENGINES.keys() & backend.endpoints.keys()):
            path = ("backends", name, "endpoints", engine)
            hint = f"write it as [backends.{name}.{engine}], or rename it"
            scene.say("spec.name", f'an endpoint cannot be named "{engine}"', path, hint)
        for other in list(backend.engines())[1:]:
            message = f"{report.shown(name)} has one model server already"
            scene.say(
                "spec.value", message, ("backends", name, other), "make another backend of it, with the same host"
            )


def _models(scene: Scene) -> None:
    for alias, model in scene.spec.models.items():
        path: KeyPath = ("models", alias)
        if "*" in alias or alias in MAGIC:
            message = f"{report.shown(alias)} means more than one model to LiteLLM, so no key could be proved"
            scene.say("spec.name", message, path, "give the model a name of its own")
        _distinct(scene, model.backends, (*path, "backends"))
        found = [scene.refer("backends", b, (*path, "backends", i)) for i, b in enumerate(model.backends)]
        scene.refer("proxies", model.proxy, (*path, "proxy"))
        if not model.backends and model.proxy is None and not scene.damage.hurt(*map(str, path)):
            message = f"{report.shown(alias)} has neither backends nor a proxy"
            scene.say("spec.missing", message, path, "name its backends, or the proxy of a cloud model")
        sound = all(found) and not any(scene.damage.hurt("backends", b) for b in model.backends)
        proxy = proxy_of(scene.spec, model)
        if sound and isinstance(proxy, Wrong):
            key = "proxy" if model.proxy is not None else "backends"
            scene.say("model.proxies", f"{report.shown(alias)} {proxy.message}", (*path, key), proxy.hint)


def _role(scene: Scene, path: KeyPath, table: RoleTable) -> None:
    for entry in entries(table.model, table.fallbacks):
        at = (*path, *_written(scene, path, entry))
        if not scene.refer("models", entry.model, at) or entry.via is None:
            continue
        way = hop(scene.spec, entry)
        if isinstance(way, Wrong) and way.message and not _hurt(scene, entry.model):
            scene.say("spec.reference", way.message, (*path, *entry.path, "via"), way.hint)
    for own in nodetypes.tables():
        written = getattr(table, own.name)
        for flaw in own.check(written if isinstance(written, dict) else {}):
            at = (*path, own.name, *flaw.path)
            scene.say(flaw.code, f"{report.dotted(at)} {flaw.message}", at, flaw.hint)


def _written(scene: Scene, path: KeyPath, entry: Entry) -> KeyPath:
    """An entry is a string or a table: where its model's name stands."""
    inner = (*entry.path, "model")
    return inner if (*path, *inner) in scene.sources.places else entry.path


def _hurt(scene: Scene, alias: str) -> bool:
    backends = scene.spec.models[alias].backends
    return scene.damage.hurt("models", alias) or any(scene.damage.hurt("backends", b) for b in backends)


def sound(scene: Scene, alias: str) -> bool:
    """True when a model is defined, and nothing that its way depends on is broken."""
    spec = scene.spec
    if alias not in spec.models or _hurt(scene, alias):
        return False
    model = spec.models[alias]
    if any(b not in spec.backends for b in model.backends):
        return False
    return bool(model.backends or model.proxy) and not isinstance(proxy_of(spec, model), Wrong)


def _keys(scene: Scene) -> None:
    spec = scene.spec
    for name, key in spec.keys.items():
        for field in ("also", "models"):
            listed = getattr(key, field)
            _distinct(scene, listed, ("keys", name, field))
            for i, alias in enumerate(listed):
                path: KeyPath = ("keys", name, field, i)
                if not scene.refer("models", alias, path) or not sound(scene, alias):
                    continue
                if proxy_of(spec, spec.models[alias]) is None:
                    message = f"{report.shown(alias)} is on no proxy, so no key can allow it"
                    scene.say("chain.no-proxy", message, path, "take it out of the key; a direct hop needs no key")


def _distinct(scene: Scene, items: Iterable[str], path: KeyPath) -> None:
    seen = set()
    for i, item in enumerate(items):
        if item in seen:
            scene.say("spec.duplicate", f"{report.shown(item)} is listed twice", (*path, i), "keep one of the two")
        seen.add(item)
