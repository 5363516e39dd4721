"""``--json``: each command prints lines of JSON and nothing else, the last of them a summary with the exit code."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from fleethub.cli import main
from fleethub.cli.group import cli
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

#: Each command with words that it goes well with on the fleet below, or is refused with for a reason of its own.
TYPED = """\
init
import --all --dry-run
audit {url} --trust {url}
validate
test
fmt --check
schema
assign a two --dry-run
release a --dry-run
node set a owner=Ana --dry-run
node register c --host c --dry-run
rotate a --dry-run
approve
plan
apply
destroy
rollback 1 --dry-run
revoke a
render -o {tmp}/rendered
status
show node.a
show key.main.a
why node.a
why 403 a
uses node.a
graph
graph --format dot
drift
log
log show 1
diff 0
capacity
place --all
verify
logs a
observe
context
tangleclaw status
tangleclaw register
tangleclaw unregister
tangleclaw install-hook --dry-run
tangleclaw uninstall-hook --dry-run
tangleclaw install-rule {tmp}
tangleclaw uninstall-rule {tmp}
state init
state migrate
state list
state show node.a
state mv node.a node.z
state rm node.a
state pull
state push {fleet}/fleet.lock
state backups
state restore 1
state rebuild --dry-run
state reconcile {fleet}/fleet.lock --dry-run
state merge-driver --install
lock acquire -m so
lock status
lock release
trust add
trust list
trust remove {url}
seed check
seed path
completion bash
version
--version
"""
#: What there is nothing to do for on that fleet: they say so.
NO_USE = ("place", "state rebuild")
SAMPLE = (
    "test",
    "schema",
    "plan",
    "show node.a",
    "graph --format dot",
    "seed path",
    "completion bash",
    "version",
    "--version",
)
#: What has no JSON of the one kind, and why.
APART = {
    "mcp": "speaks MCP on its streams",
    "serve": "runs until it is ended: its address is a line (tests/server)",
    "demo": "takes ten seconds: tests/testing/test_demo.py",
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from leaves(below, (*path, name))
    else:
        yield " ".join(path)


def test_each_command_is_in_the_table() -> None:
    typed = [f"{line} " for line in TYPED.splitlines()]
    assert {name for name in leaves(cli) if not any(line.startswith(f"{name} ") for line in typed)} == set(APART)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, str]]:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).models("one", "two").node("a", "one").key("a", rpm=5)
        made = Place(tmp_path_factory.mktemp("json") / "fleet", spec.text)
        made.apply()
        (made.folder / "tests").mkdir()
        (made.folder / "tests/a.toml").write_text('[[case]]\nname = "as it is"\nexpect = { exit = 0 }\n')
        yield made, proxy.url


@pytest.mark.parametrize(
    "typed", [pytest.param(t, marks=() if t in SAMPLE else pytest.mark.long) for t in TYPED.splitlines()]
)
def test_lines_and_a_summary(
    place: tuple[Place, str], typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, url = place
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    monkeypatch.chdir(tmp_path)
    out, err = io.StringIO(), io.StringIO()
    words = shlex.split(typed.format(tmp=tmp_path, url=url, fleet=made.folder))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stop:
        main(["-C", str(made.folder), *words, "--json"])
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert all(isinstance(line, dict) and line["type"] for line in lines), typed
    assert (lines[-1]["type"], lines[-1]["exit"]) == ("summary", int(stop.value.code or 0)), typed
    assert [line["type"] for line in lines].count("summary") == 1
    assert ("Try '" in err.getvalue()) == typed.startswith(NO_USE), err.getvalue()
