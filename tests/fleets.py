"""The one builder of the tests' fleets: values in; a spec's text, or the loaded fleet without a file, out.

    fleet().node("volta", "qwen3-32b")
    fleet(url, ollama=gpu.url, drift="stop").node("a", "qwen3-32b", "gpt-oss-20b").key("a", rpm=60)

What a test does not care about is there already: a proxy ``main``, ``[defaults.node]`` with folders below the
fleet's, and each model that a node or key names. Every call gives a new value, so one fleet may have many variants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fleethub.fleetspec import Loaded, load
from fleethub.model.address import Address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.operations.spec import remembering
from fleethub.rendering import Rendered, load_templates, render

#: Where a fleet lies that has no file.
NOWHERE = Path(__file__).parent / "nowhere" / "fleet.toml"
MASTER_KEY = ["env:LITELLM_MASTER_KEY"]
IMAGE = "ghcr.io/openclaw/openclaw:2026.9.6"
CONTEXT = 32768
STOPS = ("max_delete_percent", "max_update_percent", "min_existing", "key_idle", "last_node")
POLICY = ("revoked", "overcommit", "reserve", "unreachable", *STOPS)


def fleet(url: str | tuple[str, ...] | None = "http://llm.example:4000", *, ollama: str = "", **head: Any) -> Spec:
    """A fleet without nodes; ``head``: fields of its ``[fleet]`` (name), its proxy (key_cache_ttl) or ``[policy]``.

    ``url``: of the proxy ``main``; several are its replicas; None: a fleet without a proxy. ``ollama``: of a backend
    ``gpu`` with 48 GiB, which then serves every model that is not said to be elsewhere.
    """
    doc = {"fleet": {"name": head.pop("name", "monad"), "key_seed": ["file:fleet.seed"]}}
    made = Spec(doc).table("policy", drift=head.pop("drift", "repair"))
    made = made.table("policy", **{k: head.pop(k) for k in POLICY if k in head})
    if url is not None:
        made = made.proxy("main", url, **head)
    if ollama:
        made = made.backend("gpu", ollama, **({"proxy": "main"} if url is not None else {}))
    return made.table("defaults.node", target="nodes/{name}", image=IMAGE, settle="0s")


@dataclass(frozen=True)
class Spec:
    """A spec as nested tables. Fields are those of the TOML; one that is None is left out."""

    doc: Mapping[str, Any] = field(default_factory=dict)
    #: What was applied of it, of whose keys it remembers something (see ``remembered``).
    applied: Lockfile | None = field(default=None, repr=False)

    def table(self, path: str, /, **fields: Any) -> Spec:
        """Set fields of a table, which is made when it is not there; None takes a field out."""
        return replace(self, doc=_set(self.doc, path.split("."), fields))

    def without(self, group: str, *names: str) -> Spec:
        """Take blocks out: ``without("nodes", "volta")``; a whole group, without names."""
        if not names:
            return replace(self, doc={k: v for k, v in self.doc.items() if k != group})
        left = {k: v for k, v in self.doc.get(group, {}).items() if k not in names}
        return replace(self, doc={**self.doc, group: left})

    def proxy(self, name: str, url: str | tuple[str, ...], /, **fields: Any) -> Spec:
        """A LiteLLM whose keys are cached for a moment only."""
        first, *more = (url,) if isinstance(url, str) else url
        usual = {"key_cache_ttl": "10ms", "master_key": MASTER_KEY, "replicas": [first, *more] if more else None}
        return self._add("proxies", name, {"url": first, **usual, **fields})

    def backend(self, name: str, ollama: str | None = None, /, *, vram: str = "48 GiB", **fields: Any) -> Spec:
        """A host with one GPU; ``ollama`` is its server's URL, or one of its own under ``ollama=``."""
        made = self._add("backends", name, {"host": name, "gpus": [{"name": "RTX 6000 Ada", "vram": vram}], **fields})
        return made.table(f"backends.{name}.ollama", url=ollama) if ollama else made

    def model(self, alias: str, /, *, on: str | None = None, **fields: Any) -> Spec:
        """A model of the backend ``on``, or else of the proxy ``main``."""
        backends = list(self.doc.get("backends", ()))
        on = on or (backends[0] if backends and not {"proxy", "backends"} & fields.keys() else None)
        if on is not None or "backends" in fields:
            usual: dict[str, Any] = {"backends": [on], "route": f"ollama_chat/{tag(alias)}"}
        else:
            usual = {"proxy": "main", "route": f"openai/{alias}"}
        return self._add("models", alias, {**usual, "context": CONTEXT, **fields})

    def models(self, *aliases: str, **fields: Any) -> Spec:
        """Several of them alike."""
        made = self
        for alias in aliases:
            made = made.model(alias, **fields)
        return made

    def node(self, name: str, model: Any = None, /, *fallbacks: Any, **fields: Any) -> Spec:
        """A node that calls ``model``, then ``fallbacks``: aliases, or ``direct(alias)``."""
        chain = {"model": model, "fallbacks": list(fallbacks) or None}
        return self._naming(model, *fallbacks)._add("nodes", name, {"host": name, **chain, **fields})

    def key(self, name: str, /, **fields: Any) -> Spec:
        """Limits of a node's key, or (with ``models``) a key that no node uses."""
        return self._naming(*fields.get("also", ()), *fields.get("models", ()))._add("keys", name, fields)

    def check(self, name: str, about: str, expression: str | None = None, **fields: Any) -> Spec:
        """A check of the fleet's own, asked of each ``about``."""
        usual = {"message": f"{{name}} is not {name}", **fields} if expression is not None else fields
        block = {"name": name, "for": about, **({"expression": expression} if expression is not None else {}), **usual}
        block = {name: value for name, value in block.items() if value is not None}
        return replace(self, doc={**self.doc, "check": [*self.doc.get("check", ()), block]})

    def moved(self, old: str, new: str) -> Spec:
        """What has the address ``new`` was applied as ``old``."""
        return replace(self, doc={**self.doc, "moved": [*self.doc.get("moved", []), {"from": old, "to": new}]})

    def remembered(self, lockfile: Lockfile | None) -> Spec:
        """The spec with what a lockfile remembers of its keys, where that is anything."""
        made = replace(self, applied=lockfile)
        return made if made.memory != self.memory else self

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.doc.items() if k in ("moved", "proxies", "defaults", "nodes", "keys")}
        return f"Spec({shown})"

    @cached_property
    def text(self) -> str:
        """The spec as TOML."""
        return "".join(_lines(self.doc))

    @property
    def loaded(self) -> Loaded:
        """What ``fleethub.fleetspec`` makes of the text, with its findings."""
        return _loaded(self.text)

    @property
    def fleet(self) -> Fleet:
        """The fleet, which must be a good one."""
        found = self.loaded
        assert found.fleet is not None, found.findings
        return remembering(found.fleet, self.applied)

    @property
    def rendered(self) -> Mapping[str, Rendered]:
        """The files of its nodes."""
        return _rendered(Known(self))

    @cached_property
    def memory(self) -> tuple[tuple[tuple[Address, Any], ...], ...]:
        """What the fleet has of what was applied, as far as that changes anything."""
        fleet = self.fleet
        written = {a: fleet.keys[a.alias].generation if a.alias in fleet.keys else 1 for a in fleet.floors}
        raised = {a: n for a, n in fleet.floors.items() if n > written[a]}
        return tuple(tuple(sorted(told.items())) for told in (fleet.births, raised, fleet.kept, fleet.endings))

    def _add(self, group: str, name: str, fields: Mapping[str, Any]) -> Spec:
        return replace(self, doc=_set(self.doc, [group, name], fields))

    def _naming(self, *hops: Any) -> Spec:
        """With each model that is named and not described: one of the first backend, else of the proxy."""
        made = self
        for hop in hops:
            alias = hop["model"] if isinstance(hop, Mapping) else hop
            if alias is not None and alias not in made.doc.get("models", {}):
                made = made.model(alias)
        return made


class Known:
    """A spec as what it means is kept by: its text, and what its keys are remembered to have."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self._id = spec, (spec.text, spec.memory)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)


def direct(alias: str, via: str = "ollama") -> dict[str, str]:
    """A hop round the proxy."""
    return {"model": alias, "via": via}


def tag(alias: str) -> str:
    """The tag that an Ollama has a model by: ``qwen3-32b`` is ``qwen3:32b``."""
    name, dash, size = alias.rpartition("-")
    return f"{name}:{size}" if dash else alias


def deployment(alias: str, ollama: str = "") -> dict[str, Any]:
    """A model as a LiteLLM's config file has it, where ``Spec.model`` says that it is."""
    params = {"model": f"ollama_chat/{tag(alias)}", "api_base": ollama, "num_ctx": CONTEXT}
    return {
        "model_name": alias,
        "litellm_params": params if ollama else {"model": f"openai/{alias}"},
        "model_info": {"id": alias},
    }


def _set(doc: Mapping[str, Any], path: list[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    if path:
        return {**doc, path[0]: _set(doc.get(path[0], {}), path[1:], fields)}
    return {k: v for k, v in {**doc, **fields}.items() if v is not None}


def _lines(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Fields first, lists on one line, so that a test may replace what stands on a line."""
    fields = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    if path and (fields or not table):
        yield f"[{'.'.join(map(_name, path))}]\n"
    yield from (f"{_name(k)} = {_value(v)}\n" for k, v in fields.items())
    for name, inner in table.items():
        if isinstance(inner, Mapping):
            yield from _lines(inner, (*path, name))


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)  # of texts, numbers and booleans TOML's form is JSON's


@cache
def _loaded(text: str) -> Loaded:
    return load(NOWHERE, {NOWHERE.name: text.encode()})


@cache
def _rendered(known: Known) -> Mapping[str, Rendered]:
    fleet, templates = known.spec.fleet, load_templates(NOWHERE.parent)
    return {name: render(fleet, node, templates) for name, node in fleet.nodes.items()}
