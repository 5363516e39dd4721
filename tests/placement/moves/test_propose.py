"""Single proposals: what moves and why, what is left and what it lacks, what is proved."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fleethub.engines.vllm.settings import VllmSettings
from fleethub.model.consuming import Hop
from fleethub.model.facts import Facts
from fleethub.model.fleet import Fleet
from fleethub.model.placing import Placing, Standing
from fleethub.model.readings.server import Installed, ServerReading
from fleethub.model.serving import Key, Model
from fleethub.placement.moves import formulation
from fleethub.placement.moves.propose import propose
from tests.placement.asking import GIB, backend, facts, fleet, model


def sized(name: str, size: float, *backends: str, **more: object) -> Model:
    return model(name, f"{name}:latest", *backends, vram=round(size * GIB), **more)


def there(found: Placing) -> Mapping[str, tuple[str, ...]]:
    return found.backends


def two(*models: tuple[str, float], chains: Mapping[str, tuple[str, ...]], **more: object) -> Fleet:
    """All models on ``a``, and an empty ``b`` of the same size."""
    made = [sized(name, size, "a", **more) for name, size in models]
    return fleet([backend("a", 48), backend("b", 48)], made, chains)


def test_one_move_that_mends_everything_is_found_and_proved() -> None:
    """The large one elsewhere: the other two stay, and both chains have a model on another backend."""
    made = two(("q", 28), ("o", 14), ("l", 10), chains={"x": ("q", "o"), "y": ("o",), "z": ("l", "q")})
    found = propose(made, Facts("now"))
    assert there(found) == {"q": ("b",)}
    assert (found.before.broken, found.before.one_backend) == (1, 2)
    assert found.after == Standing()
    assert (found.least, found.proved) == (1, True)
    (move,) = found.moves
    assert (
        move.why == "the primaries of a do not all stay: 3 models and the reserve need 53.0 GiB, and there is 48.0 GiB"
    )
    assert (move.role, move.bytes, move.absent) == ("primary", 28 * GIB, False)
    sums = {one.backend: (one.before.need, one.after.need) for one in found.sums}
    assert sums == {"a": (52 * GIB, 24 * GIB), "b": (0, 28 * GIB)}


def test_the_solver_mends_what_moves_one_by_one_do_not() -> None:
    """A large one has room only when two others have changed places."""
    sizes = {"a": (22, 25, 4, 8, 20), "b": (10, 6, 8), "c": (6, 25)}
    models = [sized(f"{on}{n}", size, on) for on, found in sizes.items() for n, size in enumerate(found)]
    backends = [backend(name, vram, max_loaded_models=9) for name, vram in (("a", 80), ("b", 48), ("c", 24))]
    made = fleet(backends, models, {m.name: (m.name,) for m in models})
    plain, best = (propose(made, Facts("now"), (), exact) for exact in (False, True))
    assert (plain.after, plain.proved, plain.least) == (Standing(broken=1), False, None)
    assert (best.after, len(best.moves), best.least, best.proved) == (Standing(), 3, 3, True)


def test_what_finds_no_room_says_how_much_is_missing_and_nothing_is_moved_for_nothing() -> None:
    made = two(("p", 40), ("q", 30), chains={"x": ("p",), "y": ("q",)})
    made = replace(made, backends={"a": made.backends["a"], "b": backend("b", 24)})
    found = propose(made, Facts("now"))
    assert found.moves == ()
    assert found.after == found.before == Standing(broken=1)
    assert found.proved
    (left,) = found.left
    assert (left.backend, left.model, left.lacks, left.missing) == ("a", "q", True, 7 * GIB)
    assert left.says == (
        "2 models and the reserve need 71.0 GiB, and there is 48.0 GiB; q would have to go, and 7.0 GiB are missing "
        "on b, where fewest are: it needs 30.0 GiB free on any backend with Ollama behind main"
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"pinned": True}, "it is pinned"),
        ({"protected": True}, "it is protected"),
        ({"place_on": ("a",)}, "there is no other backend with Ollama behind main named by its place_on (a)"),
    ],
)
def test_what_may_not_move_stays_and_a_drain_says_so(more: dict[str, object], says: str) -> None:
    made = two(("q", 10), chains={"x": ("q",)}, **more)
    found = propose(made, Facts("now"), ("a",))
    assert found.moves == ()
    assert found.after.leaving == 1
    (left,) = found.left
    assert says in left.says
    assert left.lacks


def test_a_model_that_a_node_asks_its_server_for_is_not_taken_away_under_it() -> None:
    made = two(("q", 10), chains={"x": ("q",)})
    node = replace(made.nodes["x"], chain=(Hop(model="q", backend="a", endpoint="ollama"),))
    found = propose(replace(made, nodes={"x": node}), Facts("now"), ("a",))
    assert found.moves == ()
    assert "a node asks this backend for it directly (via)" in found.left[0].says


def test_what_lies_where_it_may_not_goes_where_it_may() -> None:
    made = two(("q", 10), chains={"x": ("q",)}, place_on=("@site=lab",))
    lab = replace(made.backends["b"], labels={"site": "lab"})
    found = propose(replace(made, backends={**made.backends, "b": lab}), Facts("now"))
    assert there(found) == {"q": ("b",)}
    assert found.moves[0].why == "a is not among its place_on"


def test_a_fallback_goes_to_another_backend_and_from_there_to_another_machine() -> None:
    made = two(("p", 10), ("f", 5), chains={"x": ("p", "f")})
    found = propose(made, Facts("now"))
    assert there(found) == {"f": ("b",)}
    assert found.moves[0].why == "all models of x lie on a"
    host = replace(made.backends["b"], host="a")
    found = propose(replace(made, backends={**made.backends, "b": host, "c": backend("c", 16)}), Facts("now"))
    assert there(found) == {"f": ("c",)}
    found = propose(replace(made, backends={**made.backends, "b": host}), Facts("now"))
    assert found.after == Standing(one_machine=1), "another backend is better than none"
    assert "all models of x lie on one machine (a, b)" in found.left[-1].says


def test_unknown_is_left_where_it_is_and_never_assumed_to_fit() -> None:
    made = two(("p", 40), ("q", 40), chains={"x": ("p",), "y": ("q",)})
    blind = replace(made, backends={**made.backends, "b": backend("b")})
    found = propose(blind, Facts("now"))
    assert found.moves == ()
    assert "whether it fits on b is not known" in found.left[0].says
    models = {**made.models, "q": model("q", "nobody-knows", "a")}
    found = propose(replace(made, models=models), Facts("now"))
    assert found.moves == ()
    assert [one.backend for one in found.left] == ["a"]
    assert "for not all of it is known" in found.left[0].says
    assert not found.known
    drained = propose(replace(made, models=models), Facts("now"), ("a",))
    assert there(drained) == {"p": ("b",)}, "what is known may leave all the same"
    assert drained.after.leaving == 1


def test_a_fallback_that_is_too_large_makes_nothing_known_of_who_else_may_be_there() -> None:
    """What a vLLM without cards refuses; what is too large for a card that a neighbour takes who knows what of."""
    first, other = (
        replace(backend(n, *v), engine=VllmSettings(url=f"http://{n}")) for n, v in (("a", (80,)), ("b", ()))
    )
    made = fleet([first, other], [sized("q", 20, "a"), sized("f", 9, "b")], {"x": ("q", "f")})
    reading = {("vllm", "http://b"): ServerReading("0.29.0", {"q:latest": Installed(0, "", "", None)}, ())}
    found = propose(made, Facts("now", reading), ("a",))
    assert found.moves == ()
    assert "whether it fits on b is not known (its GPUs are neither declared nor readable" in found.left[0].says
    models = [sized("q", 10, "a"), sized("f", 40, "b"), model("u", "nobody-knows", "c")]
    beside = replace(backend("c", 24), host="b")
    made = fleet([backend("a", 48), backend("b", 24), beside], models, {"x": ("q", "f"), "z": ("u",)})
    found = propose(made, Facts("now"), ("a",))
    assert found.moves == ()
    assert any("what c takes of the same cards is not known" in one.says for one in found.left)


def test_what_a_model_lacks_is_said_of_the_place_where_it_lacks_least_in_a_large_fleet() -> None:
    small = [backend(f"b{n:02}", 8) for n in range(90)]
    made = fleet([backend("a", 48), *small, backend("z", 24)], [sized("q", 30, "a")], {"x": ("q",)})
    (left,) = propose(made, Facts("now"), ("a",)).left
    assert left.missing == 7 * GIB
    assert "7.0 GiB are missing on z, where fewest are: it needs 30.0 GiB free" in left.says


def test_a_size_that_another_server_tells_is_known_and_where_it_is_absent_is_said() -> None:
    made = fleet(
        [backend("a", 48), backend("b", 48)],
        [model("q", "qwen3:32b", "a"), model("o", "gpt-oss:20b", "a", pull=True), model("l", "llama3.1:8b", "a")],
        {"x": ("q",), "y": ("o",), "z": ("l",)},
    )
    found = propose(made, facts(a=("qwen3:32b", "gpt-oss:20b", "llama3.1:8b"), b=()), ("a",))
    assert {m.model: (m.absent, m.pulls) for m in found.moves} == {"o": (True, True), "q": (True, False)}
    assert found.after == Standing(leaving=1), "the third has no room beside them"


def test_a_server_that_downloads_nothing_gets_only_what_it_serves() -> None:
    settings = {"engine": VllmSettings(url="http://a")}
    first = replace(backend("a", 80), **settings)
    other = replace(backend("b", 80), engine=VllmSettings(url="http://b"))
    made = fleet([first, other], [sized("q", 20, "a")], {"x": ("q",)})
    assert propose(made, Facts("now"), ("a",)).moves == ()
    reading = {("vllm", "http://b"): ServerReading("0.29.0", {"q:latest": Installed(0, "", "", None)}, ())}
    found = propose(made, Facts("now", reading), ("a",))
    assert there(found) == {"q": ("b",)}


def test_one_of_several_places_is_given_up_only_where_there_is_no_other() -> None:
    made = fleet([backend("a", 48), backend("b", 48), backend("c", 48)], [sized("q", 20, "a", "b")], {"x": ("q",)})
    found = propose(made, Facts("now"), ("a",))
    assert there(found) == {"q": ("c", "b")}, "as many as before, in the same order"
    small = replace(made, backends={**made.backends, "c": backend("c", 8)})
    found = propose(small, Facts("now"), ("a",))
    assert there(found) == {"q": ("b",)}
    assert found.moves[0].target is None
    assert found.after == Standing(dropped=1)


def test_nothing_comes_to_a_cordoned_backend_nor_to_another_proxys() -> None:
    made = two(("q", 10), chains={"x": ("q",)})
    for change in ({"cordoned": True}, {"proxy": None}):
        b = replace(made.backends["b"], **change)
        assert propose(replace(made, backends={**made.backends, "b": b}), Facts("now"), ("a",)).moves == ()


def test_a_key_without_nodes_names_a_primary_and_what_nobody_names_takes_nothing() -> None:
    made = two(("p", 30), ("q", 30), ("r", 30), chains={})
    assert propose(made, Facts("now")).moves == ()
    keys = {"web": Key(name="web", models=("p", "q"))}
    found = propose(replace(made, keys=keys), Facts("now"))
    assert [move.role for move in found.moves] == ["primary"]
    drained = propose(replace(made, keys=keys), Facts("now"), ("b",))
    assert drained.moves == (), "nothing may come to what is drained"


def test_servers_of_one_machine_share_its_cards() -> None:
    """A second server on the same card is no room."""
    made = two(("p", 30), ("q", 30), chains={"x": ("p",), "y": ("q",)})
    b = replace(made.backends["b"], host="a")
    assert propose(replace(made, backends={**made.backends, "b": b}), Facts("now")).moves == ()
    apart = replace(b, gpus=(replace(b.gpus[0], name="another"),))
    found = propose(replace(made, backends={**made.backends, "b": apart}), Facts("now"))
    assert len(found.moves) == 1


def test_without_the_solver_the_gap_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made = two(("p", 20), ("q", 20), ("r", 20), ("s", 20), ("t", 20), chains={n: (n,) for n in "pqrst"})
    made = replace(made, backends={**made.backends, "b": backend("b", 24)})
    monkeypatch.setitem(sys.modules, "highspy", None)
    found = propose(made, Facts("now"))
    assert not found.proved
    assert found.least is None
    assert "solver]" in found.solver
    easy = propose(two(("p", 30), ("q", 30), chains={"x": ("p",), "y": ("q",)}), Facts("now"))
    assert easy.proved, "where the arithmetic alone proves it, no solver is needed"


def test_a_fleet_that_is_too_large_for_the_solver_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulation, "LARGEST", 3)
    made = two(("p", 20), ("q", 20), ("r", 20), ("s", 20), ("t", 20), chains={n: (n,) for n in "pqrst"})
    made = replace(made, backends={**made.backends, "b": backend("b", 24)})
    found = propose(made, Facts("now"))
    assert not found.exact
    assert "too many for the solver" in found.solver
