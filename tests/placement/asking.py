"""Fleets and facts for questions about capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.consuming import Hop, Node
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet, Policy
from fleethub.model.observation import Unknown
from fleethub.model.readings.server import Installed, Resident, ServerReading, Shown, Tensor
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend, Gpu, Model, Proxy
from fleethub.testing.catalog import ALL

GIB = 1 << 30
CATALOG = {m["name"]: m for m in ALL}
VERSION = "0.32.1"


def shown(model: Mapping[str, Any]) -> Shown:
    """A catalog model as a client reads it; its list of tensors is a part, so it is left out."""
    info = {k: v for k, v in model["model_info"].items() if not k.startswith("tokenizer.")}
    return Shown(info, (), {}, tuple(model["capabilities"]))


def installed(*tags: str) -> dict[str, Installed]:
    return {
        t: Installed(
            CATALOG[t]["size"], CATALOG[t]["digest"], CATALOG[t]["details"]["quantization_level"], shown(CATALOG[t])
        )
        for t in tags
    }


def model(alias: str, tag: str, *backends: str, context: int = 32768, **more: Any) -> Model:
    return Model(
        name=alias, backends=backends, proxy="main", route=f"ollama_chat/{tag}", tag=tag, context=context, **more
    )


def backend(name: str, *gpus: int, **settings: Any) -> Backend:
    cards = tuple(Gpu(name=f"card {n}", vram=size * GIB) for n, size in enumerate(gpus))
    return Backend(
        name=name, host=name, proxy="main", gpus=cards, engine=OllamaSettings(url=f"http://{name}", **settings)
    )


def fleet(backends: list[Backend], models: list[Model], chains: Mapping[str, tuple[str, ...]]) -> Fleet:
    """``chains``: node -> its models, primary first."""
    nodes = {
        name: Node(
            name=name,
            type="openclaw-docker",
            host=name,
            target=name,
            image="i",
            chain=tuple(Hop(model=m) for m in chain),
            key=name,
        )
        for name, chain in chains.items()
    }
    return Fleet(
        name="f",
        root="/",
        digest="",
        key_seed=None,
        policy=Policy(),
        proxies={"main": Proxy(name="main", url="u", admin_url="u", master_key=SecretRef(("env:X",)))},
        backends={b.name: b for b in backends},
        models={m.name: m for m in models},
        nodes=nodes,
    )


def facts(residents: Mapping[str, tuple[Resident, ...]] | None = None, **tags: tuple[str, ...]) -> Facts:
    """``tags``: backend -> what is installed; a backend that is not named does not answer."""
    readings = {
        ("ollama", f"http://{name}"): ServerReading(VERSION, installed(*found), (residents or {}).get(name, ()))
        for name, found in tags.items()
    }
    return Facts("now", readings)


__all__ = ["CATALOG", "GIB", "Tensor", "Unknown", "backend", "facts", "fleet", "installed", "model", "replace", "shown"]
