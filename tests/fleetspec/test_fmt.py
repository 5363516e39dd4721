"""The one layout: it means the same, keeps every comment, and is the same again when it is put into it again."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fleethub.fleetspec.fmt import formatted
from fleethub.fleetspec.scaffold import found_spec, shared_spec, spec
from tests.fleetspec.test_positions import TRICKY, keys, values

ROOT = Path(__file__).parents[2]
MESSY = """


[ fleet ]
  name="monad"   # the name
key_seed   = [ "env:SEED",'file:x' ]      # where


# about the proxy
[proxies.main]
url = "http://x"
[nodes.a]
models = [
  "a", # first
    # alone
  "b"
]
limits = {rpm=1,  "t p" = { a=[1,2] }}
empty = [ ]
[nodes.a.env]
TZ={value="UTC"}
# the end"""
NEAT = """[fleet]
name = "monad"                     # the name
key_seed = ["env:SEED", 'file:x']  # where

# about the proxy
[proxies.main]
url = "http://x"

[nodes.a]
models = [
    "a",  # first
    # alone
    "b",
]
limits = { rpm = 1, "t p" = { a = [1, 2] } }
empty = []
[nodes.a.env]
TZ = { value = "UTC" }
# the end
"""


def test_a_messy_one() -> None:
    assert formatted(MESSY) == NEAT


@pytest.mark.parametrize("text", [TRICKY, MESSY, "", "# only\n", "a=1", "a = 1\r\n\r\n\r\n[b]\r\nc=2\r\n"])
def test_it_means_the_same_and_is_the_same_again(text: str) -> None:
    made = formatted(text)
    assert not made.endswith("\n\n")
    assert repr(tomllib.loads(made)) == repr(tomllib.loads(text))
    assert formatted(made) == made
    assert remarks(made) == remarks(text)
    assert not re.search(r"[ \t]\r?\n", re.sub(r'""".*?"""', "", made, flags=re.DOTALL))
    assert ("\r\n" in made) == ("\r\n" in text)


def remarks(text: str) -> int:
    """How many lines have a comment, as far as that can be told without reading TOML."""
    return len(re.findall(r"(?m)(?:^|[ \t,])#", text))


@given(st.dictionaries(keys, values, max_size=3))
def test_whatever_is_written(document: dict[str, object]) -> None:
    text = tomli_w.dumps(document)
    made = formatted(text)
    assert tomllib.loads(made) == document
    assert formatted(made) == made


OURS = [*sorted(ROOT.glob("examples/*/fleet.toml")), *sorted(ROOT.glob("fleets/**/*.toml"))]


@pytest.mark.parametrize("path", OURS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_ours_are_in_it(path: Path) -> None:
    assert formatted(path.read_text()) == path.read_text()


def test_what_init_writes_is_in_it() -> None:
    """The CI jobs of examples/ci ask for it first."""
    asked = ("fleet", "0123456789abcdef0123", "~/.config/fleethub/fleet.seed")
    for text in (spec(*asked), found_spec(*asked), *shared_spec(*asked).values()):
        assert formatted(text) == text


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid value"):
        formatted("a = [")
    with pytest.raises(ValueError, match="a number that is too long"):
        formatted(f"a = 0x{'f' * 5000}")
