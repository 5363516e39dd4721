"""A command that a page names within a line is one: its words, and its options, are the command line's."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from fleethub.cli.group import cli
from fleethub.cli.habits import understood, without_folder
from tests.docs.pages import ROOT
from tests.docs.test_console import PAGES

MORE = ["tests/README.md", "tests/real/README.md", "fleethub/server/API.md", "fleethub/model/FINDINGS.md"]
#: What stands for any command.
ANY = {"WORD", "COMMAND", "NAME"}


def wrong(text: str) -> str:
    """What no such command line is; empty: it is one, whatever its arguments stand for."""
    words = [word for word in shlex.split(text.partition(" #")[0]) if word not in ANY]
    command: click.Command = cli
    context = click.Context(cli)
    try:
        words = without_folder(understood(cli, context, words))
    except click.UsageError as error:
        return error.format_message()
    known = {"-h", "--help"}
    while True:
        known |= {name for one in command.params for name in (*one.opts, *one.secondary_opts) if name.startswith("-")}
        if not isinstance(command, click.Group):
            break
        at = next((n for n, word in enumerate(words) if not word.startswith("-")), None)
        if at is None:
            break
        below = command.get_command(context, words[at])
        if below is None:
            return f"there is no command {words[at]}"
        words.pop(at)
        command = below
    return next((f"there is no option {word}" for word in words if word[:1] == "-" and _name(word) not in known), "")


def _name(word: str) -> str:
    return word.partition("=")[0] if word.startswith("--") else word[:2]


@pytest.mark.parametrize("page", [*PAGES, *MORE])
def test_each_command_within_a_line_is_one(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [" ".join(words.split()) for words in re.findall(r"`fleethub ([^`]+)`", text)]
    assert [f"fleethub {one}: {why}" for one in found if (why := wrong(one))] == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("plan --offline", ""),
        ("state restore 3 --apply ID", ""),
        ("-C /srv/fleet status", ""),
        ("paln", "Did you mean plan"),
        ("state nothing", "there is no command nothing"),
        ("plan --whatever", "there is no option --whatever"),
    ],
)
def test_what_is_no_command_is_found(typed: str, says: str) -> None:
    assert says in wrong(typed)
    assert bool(says) == bool(wrong(typed))
