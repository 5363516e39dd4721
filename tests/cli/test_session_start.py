"""A session's start goes by without click, and is asked for what click would have understood."""

from __future__ import annotations

from contextlib import suppress

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fleethub.cli.context as by_click
from fleethub.cli.group import cli
from fleethub.cli.session_start import FORMATS, ContextInput, asked

WORDS = [
    "context",
    "-C",
    "--json",
    "--format",
    "there",
    "",
    "--",
    "-h",
    "--no-color",
    "--json=1",
    "--format=text",
    *FORMATS,
]


@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_what_is_asked_for_is_what_click_takes_it_for(words: list[str]) -> None:
    told: list[ContextInput] = []
    with pytest.MonkeyPatch.context() as patch, suppress(click.ClickException):
        patch.setattr(by_click, "tell", told.append)
        cli(args=words, prog_name="fleethub", standalone_mode=False, obj={})
    assert asked(words) in (None, *told)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("context", ContextInput()),
        ("-C there context", ContextInput("there")),
        ("context --format claude-hook", ContextInput(None, "claude-hook")),
        ("--json context -C there", ContextInput("there", "text", True)),
        ("context --format json", None),
        ("--format text context", None),
        ("-C context", None),
        ("plan context", None),
        ("context --help", None),
        ("context -C", None),
    ],
)
def test_the_common_ways_to_ask_need_no_click(words: str, what: ContextInput | None) -> None:
    assert asked(words.split()) == what
