"""Which way leads to a model: its proxy, and what ``via`` means. Look-ups that say why they fail."""

from __future__ import annotations

from fleethub.engines.registry import ENGINES
from fleethub.fleetspec.report import nearest, shown
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.tables.consuming import HopTable
from fleethub.fleetspec.tables.serving import ModelTable
from fleethub.model.consuming import Hop
from fleethub.model.dataclass import dataclass
from fleethub.model.written import KeyPath


@dataclass(frozen=True, slots=True)
class LookupFailure:
    """Why a look-up fails. An empty message: because of something that is reported elsewhere."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a chain as written, with its path in the node or role."""

    path: KeyPath
    model: str
    via: str | None = None

    def __str__(self) -> str:
        return "model" if self.path == ("model",) else f"fallback {int(self.path[1]) + 1}"


def entries(model: HopTable | None, fallbacks: list[HopTable]) -> list[Entry]:
    """A chain's entries, the primary first."""
    first = [Entry(("model",), model.model, model.via)] if model else []
    return first + [Entry(("fallbacks", i), f.model, f.via) for i, f in enumerate(fallbacks)]


def proxy_of(spec: Spec, model: ModelTable) -> str | LookupFailure | None:
    """The proxy on which a model's alias is; None: on none. Unknown backends count as having none."""
    if not model.backends:
        return model.proxy
    proxies = sorted({spec.backends[b].proxy or "" for b in model.backends if b in spec.backends})
    if len(proxies) > 1:
        listed = ", ".join(p or "none" for p in proxies)
        return LookupFailure(
            f"has backends on different proxies: {listed}", "make two models of it, one for each proxy"
        )
    common = (proxies[0] or None) if proxies else None
    if model.proxy is not None and model.proxy != common:
        return LookupFailure(
            f"names the proxy {model.proxy}, but its backends are on {common or 'none'}",
            "proxy is for cloud models; take it out",
        )
    return common


def hop(spec: Spec, entry: Entry) -> Hop | LookupFailure:
    """The hop that an entry means; its model is defined and undamaged."""
    if entry.via is None:
        return Hop(model=entry.model)
    backends = spec.models[entry.model].backends
    if not backends:
        return LookupFailure(
            f"{shown(entry.model)} is on no backend, so it can only be reached through its proxy", "drop via"
        )
    backend, dot, endpoint = entry.via.partition(".")
    if not dot:
        backend, endpoint = backends[0], entry.via
    if backend not in backends:
        return LookupFailure(f"{shown(entry.model)} is not on a backend {shown(backend)}", nearest(backend, backends))
    if backend not in spec.backends:
        return LookupFailure("")  # the backend itself is what is wrong, and that is said where it is named
    known = ways(spec, backend)
    if endpoint not in known:
        hint = nearest(endpoint, known, "endpoint")
        if endpoint in ENGINES:
            hint = f"add [backends.{backend}.{endpoint}] with its url"
        return LookupFailure(f"backend {backend} has no endpoint {shown(endpoint)}", hint)
    return Hop(model=entry.model, backend=backend, endpoint=endpoint)


def ways(spec: Spec, backend: str) -> dict[str, str]:
    """The names that via may use on a backend, with their URLs."""
    table = spec.backends[backend]
    return {**{name: engine.url for name, engine in table.engines().items()}, **table.endpoints}
