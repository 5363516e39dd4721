"""Options made from an operation's input, so that a field's type, bounds and words are written once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args, get_origin

import click
from annotated_types import Ge, Le
from pydantic import BaseModel

from fleethub.cli.completion import addresses
from fleethub.model.finding import STOPS


class Asked(TypedDict):
    """What ``scoped``, ``ordered`` and ``allowing`` give."""

    targets: tuple[str, ...]
    excludes: tuple[str, ...]
    owner: str
    forget: tuple[str, ...]
    prune: bool
    allow: tuple[str, ...]


def scoped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--target``, ``--exclude`` and ``--as``."""
    what = "ADDRESS|PATTERN|@LABEL"
    for name, help in (
        ("--exclude", "Leave this out, with what nobody else uses; may be repeated."),
        ("--target", "Only this, with the keys and routes that it needs; may be repeated."),
    ):
        spelt = (name, f"{name[2:]}s")
        command = click.option(*spelt, multiple=True, metavar=what, shell_complete=addresses, help=help)(command)
    theirs = "Change only what PROJECT owns, or nobody does; what belongs to others is left to them."
    return click.option("--as", "owner", default="", metavar="PROJECT", help=theirs)(command)


def ordered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--forget`` and ``--prune``, which nothing but a person's order does."""
    prune = "Delete what has this fleet's mark and neither spec nor lockfile names."
    forget = "Let go of a removed block's thing that cannot be reached, or was there before; may be repeated."
    command = click.option("--prune", is_flag=True, help=prune)(command)
    return click.option("--forget", multiple=True, metavar="ADDRESS", shell_complete=addresses, help=forget)(command)


def allowing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--allow``."""
    help = "Let the plan pass this stop (see [policy]); may be repeated."
    return click.option("--allow", multiple=True, type=click.Choice(STOPS), help=help)(command)


def formatted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--format`` and ``--max-bytes``: what it prints may be a comment of a pull request."""
    most = "Of the Markdown: details are left out at its end."
    command = click.option("--max-bytes", type=click.IntRange(1000), help=most)(command)
    forms = click.Choice(["text", "markdown", "json"])
    help = "markdown: one comment of a pull request, details folded."
    return click.option("--format", "form", type=forms, default="text", show_default=True, help=help)(command)


def option(of: type[BaseModel], name: str, flag: str = "", **more: Any) -> Callable[[Any], Any]:
    """``--name`` with the field's choices, bounds and description; ``more`` is click's own, and wins."""
    field = of.model_fields[name]
    low: Any = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high: Any = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    kinds = (field.annotation, *get_args(field.annotation))
    made: dict[str, Any] = {"help": field.description}
    if choices := next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None):
        made["type"] = click.Choice(choices)
    elif int in kinds:
        made["type"] = click.IntRange(low, high)
    return click.option(f"--{name.replace('_', '-')}", *([flag] if flag else []), **(made | more))


class PlanPath(click.Path):
    """The file of a saved plan; a word that names a fleet's folder or its spec (``fleet.toml``) is none."""

    never_a_fleet = True


if TYPE_CHECKING:
    TokensType = click.ParamType[tuple[str, int]]
else:
    TokensType = click.ParamType  # takes no parameter in the lowest click that is allowed


class Tokens(TokensType):
    """``ALIAS=TOKENS``."""

    name = "ALIAS=TOKENS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """The alias and the number; an alias may hold ``=``."""
        alias, _, tokens = str(value).rpartition("=")
        if not alias or not re.fullmatch(r"[1-9]\d{0,8}", tokens):
            self.fail(f"{value!r} is not ALIAS=TOKENS, like qwen3-32b=32768")
        return alias, int(tokens)
