"""What people type who come from elsewhere is done, or answered with what to type."""

from __future__ import annotations

import json

import click
import pytest

from fleethub.cli import main
from fleethub.cli.group import cli
from fleethub.cli.habits import ELSEWHERE, understood
from fleethub.model.exit import Exit


def said(*words: str) -> list[str]:
    return understood(cli, click.Context(cli), words)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("plan --json", "--json plan"),
        ("status --json -C there", "--json -C there status"),
        ("--json plan --full", "--json plan --full"),
        ("plan fleet.toml", "-C fleet.toml plan"),
        ("plan -target=node.a -json", "--json plan --target=node.a"),
        ("plan -target node.a --full", "plan --target node.a --full"),
        ("plan -out=x", "plan --out=x"),
        ("apply fleet.toml", "-C fleet.toml apply"),
        ("apply fleets/monad/ -y", "-C fleets/monad/ apply -y"),
        ("apply x.plan --json", "--json apply x.plan"),
        ("apply -auto-approve", "apply --auto-approve"),
        ("apply --yes", "apply --auto-approve"),
        ("apply -y", "apply -y"),
        ("apply -chdir=there", "-C there apply"),
        ("release a --auto-approve", "release a --yes"),
        ("show node.a --no-color", "--no-color show node.a"),
        ("node set a port=1 --json", "--json node set a port=1"),
        ("version", "--version"),
        ("help plan", "plan --help"),
        ("help", "--help"),
        ("release a -yh", "release a -yh"),
        ("demo --help", "demo --help"),
        ("plan --target --json", "plan --target --json"),  # the value of an option is nobody's option
        ("plan -- --json", "plan -- --json"),
        ("show fleet.toml", "show fleet.toml"),  # a command that takes a name gets it
        ("plan --zzz", "plan --zzz"),
        ("--zzz plan", "--zzz plan"),
        ("zzz", "zzz"),
        ("", ""),
    ],
)
def test_what_is_typed_and_what_is_meant(typed: str, meant: str) -> None:
    assert said(*typed.split()) == meant.split()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("paln", "plan"),
        ("help paln", "plan"),
        ("plan --jsn", "--json"),
        ("plan -targt=a", "--target"),
        ("plan --outt=x", "--out"),
        ("aply", "apply"),
        ("state lst", "Did you mean list?"),
        ("force-unlock 123", "Here that is: fleethub lock release"),
        ("refresh", "fleethub drift"),
        ("output key", "fleethub show"),
        ("diff", "fleethub plan shows what the next apply would change"),
        ("plan nowhere", "unexpected extra argument"),
    ],
)
def test_what_is_misspelt_is_answered_with_what_to_type(typed: str, answer: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        cli.main(typed.split(), standalone_mode=False)
    assert answer in caught.value.format_message()


def test_what_is_typed_elsewhere_is_no_command_here_and_what_it_is_here_is_one() -> None:
    context = click.Context(cli)
    assert not ELSEWHERE.keys() & set(cli.list_commands(context))
    for meant in ELSEWHERE.values():
        assert understood(cli, context, [*meant.split(), "--help"])[-1] == "--help"


@pytest.mark.parametrize("words", [(), ("state",), ("--json", "node")])
def test_no_command_at_all_is_answered_with_the_help_and_nothing_else(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    said = capsys.readouterr()
    assert stop.value.code == Exit.ERROR
    assert said.err.startswith("Usage: ")
    assert said.err.count("Usage: ") == 1
    assert "Error" not in said.err
    last = json.loads(said.out) if "--json" in words else None
    assert last == ({"type": "summary", "exit": 1, "error": "no command is named"} if last else None)
