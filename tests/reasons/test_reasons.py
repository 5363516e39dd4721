"""Who uses what, and why a thing is as it is, on values: every reason has the line that says so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fleethub.model.address import Address, key, node, route
from fleethub.model.address import model as hosted
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import Lockfile
from fleethub.reasons.graph import UseGraph, use_graph
from fleethub.reasons.why import Reason, reasons
from tests.fleets import Spec, direct, fleet
from tests.world import settled

GPU = Address("backend", "gpu")
WIDE = (
    fleet(ollama="http://gpu.example:11434")
    .table("roles.worker", model="one", fallbacks=["two"])
    .models("one", "two", "three")
    .node("volta", role="worker")
    .node("tilt", role="worker")
    .node("rental", "two", direct("three"))
    .key("volta", rpm=60, also=["three"])
    .key("web", models=["one"])
)


def graph_of(spec: Spec, lockfile: Lockfile | None = None) -> UseGraph:
    return use_graph(spec.fleet, spec.loaded.written, lockfile)


def why(spec: Spec, address: Address) -> list[str]:
    """The reasons as indented lines, each with the text of the line of the spec that it names."""
    return list(_lines(reasons(address, spec.fleet, spec.loaded.written, graph_of(spec)), spec, ""))


def _lines(found: tuple[Reason, ...], spec: Spec, indent: str) -> list[str]:
    lines = []
    for reason in found:
        said = f"  <- {_at(spec, reason)}" if reason.line else ""
        lines += [f"{indent}{reason.says}{said}", *_lines(reason.because, spec, indent + "  ")]
    return lines


def _at(spec: Spec, reason: Reason) -> str:
    assert reason.line is not None
    origin = f" ({reason.line.origin})" if reason.line.origin else ""
    return spec.text.splitlines()[reason.line.place.line - 1] + origin


@pytest.mark.parametrize(
    ("thing", "users"),
    [
        (GPU, "key.main.rental key.main.tilt key.main.volta key.main.web model.gpu.one model.gpu.three model.gpu.two "
              "node.rental node.tilt node.volta route.main.one route.main.three route.main.two"),
        (route("main", "two"), "key.main.rental key.main.tilt key.main.volta node.rental node.tilt node.volta"),
        (hosted("gpu", "three"), "key.main.volta node.rental node.volta route.main.three"),
        (key("main", "web"), ""),
        (key("main", "tilt"), "node.tilt"),
        (node("volta"), ""),
    ],
)  # fmt: skip
def test_who_uses_a_thing_directly_or_through_another(thing: Address, users: str) -> None:
    assert " ".join(map(str, graph_of(WIDE).users(thing))) == users


def test_every_use_of_the_spec_has_the_line_that_makes_it() -> None:
    lines = WIDE.text.splitlines()
    for use in graph_of(WIDE).uses:
        assert not use.applied
        if use.line is None:  # a key that no block of the spec is about
            assert (use.user.kind, use.used.kind) == ("key", "proxy")
            continue
        words = re.escape(use.used.alias if use.used.kind != "proxy" else use.user.alias)
        at = use.line.place
        around = "\n".join(lines[max(at.line - 4, 0) : at.line])
        assert re.search(words, around) or use.how.startswith("calls with"), (use, around)


def test_a_node_gets_its_chain_from_where_it_is_written() -> None:
    found = why(WIDE, node("volta"))
    assert found[0] == 'calls one as primary  <- model = "one" (role worker)'
    assert 'calls two as fallback 1  <- fallbacks = ["two"] (role worker)' in found
    assert "  through proxy.main, with key.main.volta  <- [proxies.main]" in found
    assert '    on backend.gpu  <- backends = ["gpu"]' in found
    assert 'settle = 0s  <- settle = "0s" (defaults.node)' in found


def test_round_the_proxy_there_is_no_key() -> None:
    found = why(WIDE, node("rental"))
    at = next(i for i, line in enumerate(found) if line.startswith("calls three via gpu.ollama as fallback 1"))
    assert found[at + 1].startswith("  round the proxy, at backend.gpu")
    assert "three" not in " ".join(why(WIDE, key("main", "rental")))


def test_a_key_reaches_what_its_nodes_call_and_what_also_adds() -> None:
    found = why(WIDE, key("main", "volta"))
    assert 'reaches one: scope, as primary of its node  <- model = "one" (role worker)' in found
    assert 'reaches three: scope, by also  <- also = ["three"]' in found
    assert "rpm = 60  <- rpm = 60" in found
    assert "its value is derived from the seed, generation 1" in found


def test_a_model_of_several_reasons_has_them_all() -> None:
    spec = WIDE.node("other", "two", key="volta")
    found = why(spec, key("main", "volta"))
    at = found.index("reaches two")
    assert [line.partition("  <-")[0] for line in found[at + 1 : at + 3]] == [
        "  scope, as fallback 1 of its node",
        "  scope, as primary of its node",
    ]


def test_a_backend_has_who_put_each_model_there() -> None:
    found = why(WIDE.model("idle", on="gpu"), GPU)
    assert '  node.volta: primary  <- model = "one" (role worker)' in found
    assert '  key.main.web: scope, by models  <- models = ["one"]' in found
    assert any(line.startswith("model.gpu.idle: named by nobody, so not planned") for line in found)


def test_what_the_spec_lacks_has_no_reasons_and_the_lockfile_says_who_uses_it_still() -> None:
    spec = fleet().node("volta", "one").node("rental", "one")
    world, gone = settled(spec), spec.without("nodes", "rental")
    graph = graph_of(gone, world.lockfile)
    assert reasons(node("rental"), gone.fleet, gone.loaded.written, graph) == ()
    (use,) = [use for use in graph.of(key("main", "rental")) if use.applied]
    assert (use.user, use.line) == (node("rental"), None)


def test_a_removed_backend_is_used_by_what_was_planned_on_it() -> None:
    spec = fleet().node("volta", "one")
    lockfile = settled(spec).lockfile
    assert lockfile is not None
    old = replace(lockfile, planned={"gpu-2": (PlannedModel("one", 32768, True, "one"),)})
    users = graph_of(spec, old).users(Address("backend", "gpu-2"))
    assert users == (key("main", "volta"), hosted("gpu-2", "one"), node("volta"), route("main", "one"))


def test_a_circle_ends() -> None:
    from fleethub.reasons.graph import Use

    a, b = node("a"), node("b")
    assert UseGraph([Use(a, b, "x"), Use(b, a, "x")]).users(a) == (b,)


def test_what_a_block_says_is_told_as_a_spec_has_it() -> None:
    spec = WIDE.key("web", models=["one"], tags=['a "b"', "c"], model_rpm={"one": 3}, labels={"x y": "z"})
    found = [line.partition("  <-")[0] for line in why(spec, key("main", "web"))]
    assert {'tags = ["a \\"b\\"", "c"]', "model_rpm = { one = 3 }", 'labels = { "x y" = "z" }'} <= {*found}
    spec = WIDE.table("consumers.ann", model="one", env={"file": ".env", "prefix": "x/"}, settle="1m")
    found = [line.partition("  <-")[0] for line in why(spec, Address("consumer", "ann"))]
    assert {'env = { file = ".env", prefix = "x/" }', "settle = 1m"} <= {*found}
