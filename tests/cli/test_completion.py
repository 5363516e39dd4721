"""Names are completed from the spec, without asking anybody."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from fleethub.cli.completion import FILES
from fleethub.cli.group import cli
from tests.fleets import fleet

FLEET = str(Path(__file__).parents[2] / "fleets/monad")


@pytest.mark.parametrize(
    ("words", "start", "expected"),
    [
        (["assign"], "vol", "volta"),
        (["release"], "tilt", "tiltclaw"),
        (["verify"], "rental", "rentalclaw"),
        (["capacity"], "mon", "monad-1"),
        (["capacity", "--place"], "qwen3-", "qwen3-32b"),
        (["show"], "key.main.vol", "key.main.volta"),
        (["plan", "--target"], "node.vol", "node.volta"),
        (["destroy", "--forget"], "node.vol", "node.volta"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_names_of_the_spec(words: list[str], start: str, expected: str) -> None:
    completer = ShellComplete(cli, {}, "fleethub", "_FLEETHUB_COMPLETE")
    found = {item.value for item in completer.get_completions(["-C", FLEET, *words], start)}
    assert expected in found
    assert all(name.startswith(start) for name in found)


def test_each_word_that_names_a_thing_of_the_fleet_is_completed() -> None:
    named = {"ADDRESS", "ADDRESSES", "NODE", "NODES", "BACKEND", "MODEL", "KEY"}
    found = []

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                below = command.get_command(click.Context(command), name)
                assert below is not None
                walk(below, (*path, name))
        for one in command.params:
            words = set(re.findall(r"[A-Z]+", one.metavar or (one.name or "").upper()))
            if words & named and one._custom_shell_complete is None:
                found.append((*path, one.name))

    walk(cli, ())
    assert found == []


@pytest.mark.parametrize("shell", list(FILES))
def test_each_shell_is_told_where_to_keep_it_and_knows_it_there(shell: str, tmp_path: Path) -> None:
    """compinit takes a file for a completion by its first line, and by nothing else."""
    lines = CliRunner().invoke(cli, ["completion", shell]).output.splitlines()
    assert f"# Keep this as {FILES[shell]}" in lines[:2]
    assert (lines[0] == "#compdef fleethub") == (shell == "zsh")
    if (program := shutil.which(shell)) is None:
        return
    (tmp_path / "_fleethub").write_text("\n".join(lines))
    asked = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[fleethub]"
    words = [program, "-f", "-c", asked] if shell == "zsh" else [program, "-n", tmp_path / "_fleethub"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == ("_fleethub\n" if shell == "zsh" else "")


def test_nothing_of_what_is_no_fleet(tmp_path: Path) -> None:
    completer = ShellComplete(cli, {}, "fleethub", "_FLEETHUB_COMPLETE")
    assert completer.get_completions(["-C", str(tmp_path), "assign"], "") == []


def test_what_a_shell_would_read_as_more_than_a_word_is_not_put_on_its_line(tmp_path: Path) -> None:
    table = '[models."m$(touch pwned)"]\nproxy = "main"\nroute = "openai/m"\ncontext = 4096\n'
    (tmp_path / "fleet.toml").write_text(f"{fleet().node('a', 'one').text}\n{table}")
    completer = ShellComplete(cli, {}, "fleethub", "_FLEETHUB_COMPLETE")
    found = {
        name: {item.value for item in completer.get_completions(["-C", str(tmp_path), *words], "")}
        for name, words in {"models": ["assign", "a"], "addresses": ["show"]}.items()
    }
    assert found["models"] == {"one"}
    assert "node.a" in found["addresses"]
    assert not [name for name in found["addresses"] if "$" in name]
