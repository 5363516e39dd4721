"""Fleets of a few backends and models, as hypothesis thinks of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from fleethub.model.consuming import Hop
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.serving import Backend
from tests.placement.asking import GIB, backend, facts, fleet, model

TAGS = ("qwen3:32b", "gpt-oss:20b", "llama3.1:8b")
CARDS = ((48,), (24,), (80,), (24, 24), (16,), ())


@st.composite
def backends(draw: st.DrawFn, most: int = 4) -> list[Backend]:
    found = []
    for number in range(draw(st.integers(1, most))):
        settings = {"max_loaded_models": draw(st.sampled_from((0, 0, 0, 2)))}
        one = backend(f"b{number}", *draw(st.sampled_from(CARDS)), **{k: v for k, v in settings.items() if v})
        host = draw(st.sampled_from((one.host, one.host, one.host, "shared")))
        found.append(
            replace(
                one,
                host=host,
                cordoned=draw(st.sampled_from((False, False, False, True))),
                labels=draw(st.sampled_from(({}, {"site": "lab"}))),
            )
        )
    return found


@st.composite
def fleets(draw: st.DrawFn, most: int = 4, models: int = 6) -> tuple[Fleet, Facts]:
    """A fleet and what was read of it; some servers do not answer, some sizes are told by nobody."""
    there = draw(backends(most))
    names = [b.name for b in there]
    found = []
    for number in range(draw(st.integers(1, models))):
        tag = draw(st.sampled_from((*TAGS, f"own{number}")))
        vram = draw(st.sampled_from((4, 9, 13, 20, 31, None))) if tag.startswith("own") else None
        on = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        one = model(f"m{number}", tag, *on, vram=vram * GIB if vram else None)
        pin = draw(st.sampled_from(("", "", "", "", "pinned", "protected", "place_on", "label")))
        more = {
            "pinned": {"pinned": True},
            "protected": {"protected": True},
            "place_on": {"place_on": ("b[01]",)},
            "label": {"place_on": ("@site=lab",)},
        }.get(pin, {})
        found.append(replace(one, **more))
    aliases = [m.name for m in found]
    chains = {
        f"n{number}": tuple(draw(st.lists(st.sampled_from(aliases), min_size=1, max_size=3, unique=True)))
        for number in range(draw(st.integers(0, 5)))
    }
    made = fleet(there, found, chains)
    if chains and draw(st.booleans()):  # one that asks a server itself
        name = next(iter(chains))
        alias = chains[name][0]
        hop = Hop(model=alias, backend=made.models[alias].backends[0], endpoint="ollama")
        node = replace(made.nodes[name], chain=(hop, *made.nodes[name].chain[1:]))
        made = replace(made, nodes={**made.nodes, name: node})
    seen = {n: tuple(t for t in TAGS if draw(st.booleans())) for n in names if draw(st.integers(0, 3))}
    return made, facts(**seen)


def carried_out(made: Fleet, lists: dict[str, tuple[str, ...]]) -> Fleet:
    """The fleet with the models where a proposal has them."""
    moved = {alias: replace(made.models[alias], backends=names) for alias, names in lists.items()}
    return replace(made, models={**made.models, **moved})
