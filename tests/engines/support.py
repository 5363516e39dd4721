"""Servers, loads and fleets in few words, for the tests of capacity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleethub.engines.ollama.scheduler import SchedulerVersion
from fleethub.engines.ollama.server import OllamaServer
from fleethub.engines.ollama.settings import OllamaSettings
from fleethub.model.capacity import Estimate, Placed, Row, Sure
from fleethub.model.consuming import Hop, Node
from fleethub.model.facts import Facts, Reading
from fleethub.model.fleet import Fleet, Policy
from fleethub.model.observation import Unknown
from fleethub.model.readings.server import Installed, ServerReading, Shown, Tensor
from fleethub.model.secret import SecretRef
from fleethub.model.serving import Backend, Gpu, Model, Proxy

GIB = 1 << 30
URL = "http://gpu:11434"
PROXY = "http://proxy:4000"


def server(*gpus: float, **more: Any) -> OllamaServer:
    """A server of the current scheduler with GPUs of so many GiB."""
    found = {
        "reserve": GIB,
        "scheduler": SchedulerVersion.CURRENT,
        "version": "0.32.1",
        "observed": True,
        "total_from": "declared",
    }
    return OllamaServer("gpu", tuple((f"g{n}", round(size * GIB)) for n, size in enumerate(gpus)), **{**found, **more})


def load(name: str, size: float, preflight: float | None = None, **more: Any) -> Placed:
    """A load of so many GiB, which the server reckons with ``preflight`` GiB (default: its size)."""
    bytes_ = round(size * GIB)
    estimate = Estimate((Row("declared", bytes_, Sure.ESTIMATED, "test"),), bytes_, bytes_)
    known = round((size if preflight is None else preflight) * GIB)
    found = {"context": 4096, "context_from": "spec", "parallel": 1, "kv_type": "f16"} | more
    return Placed(name, name, estimate=estimate, preflight=known, **found)  # type: ignore[arg-type]


def model(name: str, **more: Any) -> Model:
    """An alias on the backend ``gpu``, whose tag is its name."""
    found = {"backends": ("gpu",), "proxy": "main", "route": f"ollama_chat/{name}", "tag": name, "context": 4096}
    return Model(name=name, **{**found, **more})


def node(name: str, *chain: str | Hop) -> Node:
    """A node with a chain, primary first."""
    hops = tuple(Hop(model=hop) if isinstance(hop, str) else hop for hop in chain)
    return Node(name=name, type="openclaw-docker", host=name, target=name, image="i", chain=hops, key=name)


def fleet(
    models: Mapping[str, Model],
    *nodes: Node,
    overcommit: str = "refuse-new",
    gpus: tuple[float, ...] = (48,),
    **more: Any,
) -> Fleet:
    """One backend, one proxy."""
    engine = OllamaSettings(url=URL, **more.pop("ollama", {}))
    declared = tuple(Gpu(name=f"g{n}", vram=round(size * GIB)) for n, size in enumerate(gpus))
    return Fleet(
        name="f",
        root="/",
        digest="",
        key_seed=None,
        policy=Policy(overcommit=overcommit),  # type: ignore[arg-type]
        proxies={"main": Proxy(name="main", url=PROXY, admin_url=PROXY, master_key=SecretRef(("env:X",)))},
        backends={"gpu": Backend(name="gpu", host="h", proxy="main", gpus=declared, engine=engine, **more)},
        models=dict(models),
        nodes={n.name: n for n in nodes},
    )


def facts(ollama: ServerReading | Unknown | None = None, **more: Reading) -> Facts:
    """What was read; by default an empty server of the current scheduler."""
    readings: dict[tuple[str, str], Any] = {("ollama", URL): ollama or ServerReading("0.32.1", {}, ())}
    if "proxy" in more:
        readings["litellm", PROXY] = more["proxy"]
    if "gpu" in more:
        readings["gpu", "local"] = more["gpu"]
    return Facts("now", readings)


def installed(entry: Mapping[str, Any], parameters: Mapping[str, str] | None = None) -> Installed:
    """A model of the stand-in's catalog as the client reads it."""
    info = {k: v for k, v in entry["model_info"].items() if not k.startswith("tokenizer.")}
    tensors = tuple(Tensor(t["name"], t["type"], tuple(t["shape"])) for t in entry["tensors"])
    shown = Shown(info, tensors, dict(parameters or {}), tuple(entry["capabilities"]))
    return Installed(entry["size"], entry["digest"], entry["details"]["quantization_level"], shown)
