"""``fleethub completion``, and the names that it completes: from the spec, without asking anybody."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleethub.cli.whereabouts import NoFleet, found, here

if TYPE_CHECKING:
    from fleethub.fleetspec import Loaded
    from fleethub.model.fleet import Fleet

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def completing(names: Callable[[Fleet], Iterable[str]]) -> Complete:
    """A completion of the names that a fleet has; none of a spec that does not hold together."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        fleet = _spec(ctx).fleet
        return _words(names(fleet) if fleet else (), incomplete)

    return complete


nodes = completing(lambda fleet: fleet.nodes)
backends = completing(lambda fleet: fleet.backends)
models = completing(lambda fleet: fleet.models)
served = completing(lambda fleet: (name for name, model in fleet.models.items() if model.tag))


def _words(names: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so. A shell puts them on its line as they are, so what it would read as more than a word is
    not among them: a spec commands nothing.
    """
    return sorted(name for name in names if name.startswith(incomplete) and shlex.quote(name) == name)


def addresses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The addresses of spec and lockfile."""
    from fleethub.operations.reasons import named_in
    from fleethub.operations.stores import known
    from fleethub.reasons.graph import use_graph

    loaded = _spec(ctx)
    if loaded.fleet is None:
        return []
    lockfile = known(loaded.fleet)
    found = named_in(loaded.fleet, use_graph(loaded.fleet, loaded.written, lockfile), lockfile)
    return _words(map(str, found), incomplete)


def roles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The spec's roles, which a fleet has no more."""
    import tomllib

    spec = _spec(ctx)
    texts = [data.decode() for data in spec.texts.values()] if spec.fleet else []
    return _words((r for text in texts for r in tomllib.loads(text).get("roles", {})), incomplete)


def _spec(ctx: click.Context) -> Loaded:
    from fleethub.fleetspec import load

    folder = (ctx.find_root().params or {}).get("folder")
    try:
        return load(Path(folder) if folder else found(here())[0])
    except NoFleet:
        return load(Path())


#: shell -> the file that it reads by itself.
FILES = {
    "bash": "~/.local/share/bash-completion/completions/fleethub",
    "zsh": "~/.zfunc/_fleethub (with fpath+=~/.zfunc before compinit in ~/.zshrc)",
    "fish": "~/.config/fish/completions/fleethub.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(list(FILES)))
@click.pass_obj
def cmd(options: dict[str, object], shell: str) -> None:
    """Print what SHELL needs to complete commands, options, and the names of nodes, models and addresses.

    Such as: fleethub completion bash > ~/.local/share/bash-completion/completions/fleethub
    """
    from click.shell_completion import get_completion_class

    from fleethub.cli.group import cli
    from fleethub.cli.output import Out

    out = Out(options)
    made = get_completion_class(shell)
    assert made is not None  # of a choice
    source = made(cli, {}, "fleethub", "_FLEETHUB_COMPLETE").source()
    head, below = ("", source) if shell != "zsh" else source.split("\n", 1)  # zsh reads no line but the first
    out.document(f"{head}\n# Keep this as {FILES[shell]}\n{below}".lstrip())
    out.line({"type": "completion", "shell": shell, "file": FILES[shell].partition(" ")[0], "script": source})
    out.line({"type": "summary", "exit": 0})
