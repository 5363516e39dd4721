"""Fleets of every engine, as hypothesis thinks of them: a llama-server's router, llama-swap with its file, vLLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from fleethub.engines.llamacpp.settings import LlamaCppSettings
from fleethub.engines.llamaswap.settings import LlamaSwapSettings
from fleethub.engines.vllm.settings import VllmSettings
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.readings.server import Installed, ServerReading, SwapFile, SwapGroup
from fleethub.model.serving import Backend, EngineSettings
from tests.placement.asking import GIB, backend, fleet, model

CARDS = ((48,), (24,), (80,), (24, 24), ())
ENGINES = ("llamacpp", "llamaswap", "vllm")


@st.composite
def settings(draw: st.DrawFn, kind: str, name: str) -> EngineSettings:
    url = f"http://{name}"
    if kind == "vllm":
        return VllmSettings(url=url)
    if kind == "llamaswap":
        return LlamaSwapSettings(url=url, config=draw(st.sampled_from((f"{name}.yaml", f"{name}.yaml", ""))))
    return LlamaCppSettings(
        url=url,
        router=draw(st.booleans()),
        models_max=draw(st.sampled_from((0, 1, 2, 4))),
        fit=draw(st.booleans()),
    )


@st.composite
def swap_files(draw: st.DrawFn, tags: tuple[str, ...]) -> SwapFile:
    """Groups, or a matrix, of what a file starts."""
    if draw(st.booleans()):
        sets = draw(st.lists(st.frozensets(st.sampled_from(tags), min_size=1), min_size=1, max_size=3))
        return SwapFile(dict.fromkeys(tags, ()), {}, (), tuple(sets))
    first = frozenset(draw(st.lists(st.sampled_from(tags), unique=True)))
    groups = tuple(
        SwapGroup(name, draw(st.booleans()), draw(st.booleans()), draw(st.booleans()), members)
        for name, members in (("one", first), ("two", frozenset(tags) - first))
        if members
    )
    return SwapFile(dict.fromkeys(tags, ()), {}, groups, None)


@st.composite
def mixed(draw: st.DrawFn, most: int = 4, models: int = 6) -> tuple[Fleet, Facts]:
    """Backends of one engine or several; every server has every model, where it answers."""
    kinds = draw(st.lists(st.sampled_from(ENGINES), min_size=1, max_size=2, unique=True))
    tags = tuple(f"own{number}" for number in range(draw(st.integers(1, models))))
    there: list[Backend] = []
    observed: dict[tuple[str, str], ServerReading | SwapFile] = {}
    for number in range(draw(st.integers(1, most))):
        one = backend(f"b{number}", *draw(st.sampled_from(CARDS)))
        engine = draw(settings(draw(st.sampled_from(kinds)), one.name))
        host = draw(st.sampled_from((one.host, one.host, "shared")))
        there.append(replace(one, engine=engine, host=host))
        if draw(st.integers(0, 3)):
            served = draw(st.sampled_from(tags))
            names = (served,) if engine.engine == "vllm" else tags
            disk = {tag: Installed(0, "", "", None) for tag in names}
            observed[engine.engine, engine.url] = ServerReading("", disk, ())
        if isinstance(engine, LlamaSwapSettings) and engine.config:
            observed["swap-file", engine.config] = draw(swap_files(tags))
    found = []
    for number, tag in enumerate(tags):
        vram: Mapping[str, int] = {"vram": size * GIB} if (size := draw(st.sampled_from((4, 9, 13, 20, 31, 0)))) else {}
        on = draw(st.lists(st.sampled_from([b.name for b in there]), min_size=1, max_size=2, unique=True))
        found.append(model(f"m{number}", tag, *on, **vram))
    aliases = [m.name for m in found]
    chains = {
        f"n{number}": tuple(draw(st.lists(st.sampled_from(aliases), min_size=1, max_size=3, unique=True)))
        for number in range(draw(st.integers(0, 5)))
    }
    return fleet(there, found, chains), Facts("now", observed)
