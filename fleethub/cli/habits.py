"""What people type who come from Terraform, or in a hurry -> what this command line takes.

Global options may stand anywhere, long options may have one dash, and ``plan fleet.toml`` names the fleet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

#: An option that a command does not have -> the one of the same meaning, where it has that.
SAME = {"--yes": "--auto-approve", "--auto-approve": "--yes", "--chdir": "-C", "--no-colour": "--no-color"}
#: Commands of other tools (Terraform, Pulumi, octoDNS, Kamal, kubectl) -> what does it here.
ELSEWHERE = {
    **dict.fromkeys(("up", "deploy", "sync"), "apply"),
    **dict.fromkeys(("preview", "what-if"), "plan"),
    **dict.fromkeys(("check", "lint"), "validate"),
    **dict.fromkeys(("get", "list", "ls", "ps"), "status"),
    **dict.fromkeys(("describe", "inspect", "output"), "show"),
    **dict.fromkeys(("unlock", "force-unlock"), "lock release"),
    **dict.fromkeys(("history", "events"), "log"),
    **dict.fromkeys(("delete", "remove", "rm"), "release"),
    **dict.fromkeys(("dump", "discover"), "init --discover"),
    "adopt": "import",
    "doctor": "verify",
    "down": "destroy",
    "explain": "why",
    "mv": "state mv",
    "reconcile": "state reconcile",
    "refresh": "drift",
    "register": "node register",
    "taint": "rotate",
    "undo": "rollback",
}
Options = Mapping[str, click.Parameter]


def understood(group: click.Group, ctx: click.Context, args: Sequence[str]) -> list[str]:
    """The arguments as ``group`` takes them; what it would not take anyway is left for it to say so.

    Raises click.UsageError for a misspelt word, with the one that it is near to.
    """
    words, everywhere = list(args), _options(group)
    front = _take(words, {}, everywhere, [], everywhere)
    if not words or words[0].startswith("-"):
        return [*front, *words]
    if words[0] == "version":
        after = words[1:]
        return [*front, *_take(after, {}, everywhere, [], everywhere), "--version"]
    if words[0] == "help":
        return [*front, *understood(group, ctx, words[1:]), "--help"]
    path = [words.pop(0)]
    command = group.get_command(ctx, path[0])
    while isinstance(command, click.Group) and words and (below := command.get_command(ctx, words[0])) is not None:
        path.append(words.pop(0))
        command = below
    if command is None and path[0] in ELSEWHERE:
        raise click.UsageError(f"No such command {path[0]!r}. Here that is: fleethub {ELSEWHERE[path[0]]}", ctx)
    if command is None:
        _misspelt_command(path[0], group, ctx)
        return [*front, *path, *words]
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        _misspelt_command(words[0], command, ctx)
    rest: list[str] = []
    asks = isinstance(command, click.Group) or any(_takes_any(p) for p in command.params)
    own = _options(command)
    while words:
        front += _take(words, own, everywhere, rest, {})
        if words[:1] == ["--"]:
            rest += words
            break
        if words:
            word = words.pop(0)
            if not asks and word.endswith((".toml", "/")):
                front += ["-C", word]
            else:
                rest.append(word)
    return [*front, *path, *rest]


def _misspelt_command(word: str, group: click.Group, ctx: click.Context) -> None:
    """Raise click.UsageError where a command of the group is near."""
    if near := _near(word, group.list_commands(ctx)):
        raise click.UsageError(f"No such command {word!r}. Did you mean {near[0]}?", ctx)


def without_folder(words: Sequence[str]) -> list[str]:
    """A command line without the ``-C`` before the command's name."""
    rest, kept = list(words), []
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "-C":
            rest[:1] = []
        elif not (word.startswith("-C") and not word.startswith("--")):
            kept.append(word)
            if word == "--trust":
                kept += rest[:1]
                rest[:1] = []
    return [*kept, *rest]


def _take(words: list[str], own: Options, everywhere: Options, rest: list[str], stop: Options) -> list[str]:
    """Take the options that ``words`` begin with: those of the command go to ``rest``, global ones are returned.

    ``stop``: options of which an unknown one ends the taking, so that the group says what is wrong with it.
    """
    front: list[str] = []
    while words and words[0].startswith("-") and words[0] not in ("-", "--"):
        name, equals, value = words[0].partition("=")
        name = _long(name, own, everywhere)
        known = own.get(name) or everywhere.get(name)
        if known is None and stop:
            break
        if known is None and _misspelt(name, own, everywhere):
            near = _near(name if name.startswith("--") else f"-{name}", {*own, *everywhere})
            if near or not name.startswith("--"):
                raise click.NoSuchOption(name, possibilities=near)
        words.pop(0)
        taken = [f"{name}={value}" if equals and name.startswith("--") else name]
        if equals and not name.startswith("--"):
            taken.append(value)
        elif not equals and known is not None and _has_value(known) and words:
            taken.append(words.pop(0))
        (front if name not in own and name in everywhere else rest).extend(taken)
    return front


def _long(name: str, own: Options, everywhere: Options) -> str:
    """``-target`` as ``--target``; another word for an option that is there as that one."""
    if name in own or name in everywhere:
        return name
    double = f"-{name}" if len(name) > 2 and not name.startswith("--") else name
    for word in (double, SAME.get(double, "")):
        if word in own or word in everywhere:
            return word
    return name


def _misspelt(name: str, own: Options, everywhere: Options) -> bool:
    """A long option that is none, with one dash or two; short ones may stand together (``-yh``)."""
    if name.startswith("--"):
        return name != "--help"
    return len(name) > 2 and name[:2] != "-h" and name[:2] not in own and name[:2] not in everywhere


def _near(word: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # only where something is misspelt: every command starts here

    return get_close_matches(word, sorted(known), n=1, cutoff=0.65)


def _options(command: click.Command) -> dict[str, click.Parameter]:
    found: dict[str, click.Parameter] = {}
    for param in command.params:
        if isinstance(param, click.Option):
            found |= dict.fromkeys((*param.opts, *param.secondary_opts), param)
    return found


def _takes_any(param: click.Parameter) -> bool:
    """Whether it is an argument that the path of a fleet may be meant for."""
    return isinstance(param, click.Argument) and not getattr(param.type, "never_a_fleet", False)


def _has_value(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.is_flag and not param.count
