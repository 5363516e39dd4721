"""``show`` takes every address and a bare name, and says who uses the thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.address import Address, key, node
from fleethub.model.errors import InputError
from fleethub.model.exit import Exit
from fleethub.operations.reasons import resolved
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

KNOWN = {node("volta"), key("main", "volta"), key("main", "web"), Address("proxy", "main"), Address("backend", "gpu")}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("volta", "node.volta"),
        ("web", "key.main.web"),
        ("gpu", "backend.gpu"),
        ("key.main.volta", "key.main.volta"),
        ("main.volta", "key.main.volta"),
    ],
)
def test_a_bare_name_is_the_nodes_or_of_the_only_thing_that_has_it(text: str, address: str) -> None:
    assert str(resolved(text, KNOWN)) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("zz", "names nothing; there are: gpu, main, volta, web$"),
        ("vlota", 'names nothing; did you mean "volta"'),
        ("node.zz", r"there is: node\.volta"),
        ("model.gpu.x", "no model is defined"),
        ("node.vlota", r'did you mean "node\.volta"'),
        ("key.x", "a key is named"),
    ],
)
def test_what_nothing_has_is_answered_with_what_there_is(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        resolved(text, KNOWN)


def test_everything_can_be_shown_with_who_uses_it(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url, ollama="http://127.0.0.1:9").model("one", vram="1 GiB").node("volta", "one")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        assert "used by nobody" in place.run("show", "volta", code=0)
        assert "used by node.volta" in place.run("show", "key.main.volta", code=0)
        shown = place.run("show", "proxy.main", code=0)
        assert "used by node.volta; key.main.volta; route.main.one" in shown
        assert "1 model, 1 key" in shown
        shown = place.run("show", "gpu", code=Exit.ERROR)  # it does not answer
        assert "backend.gpu" in shown
        assert "used by node.volta; key.main.volta; route.main.one; model.gpu.one" in shown
        assert "planned: one (32768 tokens)" in shown
        assert "used by node.volta; key.main.volta" in place.run("show", "route.main.one", code=0)
        shown = place.run("show", "model.gpu.one", code=Exit.ERROR)
        assert "planned as one, 32768 tokens, first of a chain, 1.0 GiB" in shown
        assert "loaded: not known: cannot connect" in shown
        (data, _) = place.json("show", "backend.gpu")
        assert (data["used_by"][1], data["status"]["name"]) == ("model.gpu.one", "gpu")


def test_what_differs_stands_beside_what_is_wanted(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).node("volta", "one").key("volta", rpm=60).text)
        place.apply()
        place.edit("rpm = 60", "rpm = 70")
        shown = place.run("show", "key.main.volta", code=0)
        assert "rpm_limit: 70  (applied: 60, there: 60)" in shown
        assert "models: one\n" in shown


def test_a_value_is_given_once_an_apply_has_made_it(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").key("web", models=["one"], grace="0s").text)
        give = ("show", "key.main.web", "--to", f"file:{tmp_path / 'value'}")
        assert "was not made yet; fleethub apply makes it" in place.run(*give, code=1)
        place.apply()
        place.run(*give, code=0)
        first = (tmp_path / "value").read_text()
        place.run("rotate", "web", "-y", code=0)
        assert "the value of generation 2 of key.main.web was not made yet (it has 1)" in place.run(*give, code=1)
        place.apply()
        place.run(*give, code=0)
        assert first != (tmp_path / "value").read_text()
