"""FleetHub's hook in the text of a Claude settings file.

The text is read as JSON and written again in the manner of the file: its indentation, line ends, order of keys and
whether letters are escaped. White space that a JSON writer does not make (a short list on one line in an indented file)
is not kept, as Claude does not keep it either when it writes the file.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePath
from typing import Any

from fleethub.formats import strict

EVENT = "SessionStart"
MATCHER = "startup|resume|clear|compact"
ARGUMENTS = "context --format claude-hook"
GLOBALS = ("-C", "--json", "--no-color")
FORMS = ("text", "markdown", "claude-hook")
TIMEOUT = 5  # seconds


class SettingsError(ValueError):
    """The text is not what a settings file must be; ``line`` counts from 1, and is 0 where none is to blame."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        super().__init__(message)


def entry(command: str) -> dict[str, Any]:
    """The hook as Claude wants it."""
    return {"matcher": MATCHER, "hooks": [{"type": "command", "command": command, "timeout": TIMEOUT}]}


def is_ours(command: object) -> bool:
    """Whether a hook's command runs FleetHub's context, by name or by any path, with any of its global options.

    One that only speaks of it, as ``echo run fleethub context`` does, is somebody else's.
    """
    if not isinstance(command, str):
        return False
    if command.endswith(f"fleethub {ARGUMENTS}"):  # as it is written here, be it quoted or not
        return True
    return _context(command) is not None


def outdated(command: str) -> str:
    """Why a hook of FleetHub's does nothing now: its words are those of another version. Empty for one that works."""
    options, rest = _context(command) or ([], [])
    if "--json" in options:
        return "with --json it prints lines for machines, which no session reads"
    if unknown := next((option for option in options if option not in GLOBALS), ""):
        return f"fleethub has no option {unknown}"
    while rest:
        option, _, value = rest.pop(0).partition("=")
        if option != "--format":
            return f"fleethub context has no option {option}"
        if (value or (rest.pop(0) if rest else "")) not in FORMS:
            return "it names no format that there is"
    return ""


def _context(command: str) -> tuple[list[str], list[str]] | None:
    """The global options (without their values) and the arguments of the ``fleethub context`` that a command runs."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    for at, word in enumerate(words):
        last = words[at - 1] if at else ";"
        starts = last in ("-m", "exec", "env") or last.endswith((";", "&", "|")) or re.match(r"[A-Za-z_]\w*=", last)
        if PurePath(word).name != "fleethub" or not starts:
            continue
        options, rest = [], _own(words[at + 1 :])
        while rest and rest[0].startswith("-"):
            options.append(rest[0])
            rest = rest[2 if rest[0] == "-C" else 1 :]
        if rest[:1] == ["context"]:
            return options, rest[1:]
    return None


def _own(words: list[str]) -> list[str]:
    """The words up to a redirection or the next command."""
    found = []
    for word in words:
        if re.match(r"\d*[<>]|[;&|]", word):
            break
        found.append(word.rstrip(";&|"))
        if word.endswith((";", "&", "|")):
            break
    return found


def old_hooks(text: str) -> list[str]:
    """What of FleetHub's own in a settings file no longer works, and why. Raises SettingsError."""
    commands = [hook["command"] for hook in _ours(_parse(text))]
    return [f"{command}: {why}" for command in commands if (why := outdated(command))]


def install(text: str, command: str) -> str:
    """The text with the hook in it; one that is there already stays where it is, one of another version is replaced.

    Raises SettingsError.
    """
    settings = _parse(text)
    found = _ours(settings)
    if not found:
        settings.setdefault("hooks", {}).setdefault(EVENT, []).append(entry(command))
    elif found[0]["command"].endswith(f" {ARGUMENTS}") or outdated(found[0]["command"]):
        found[0]["command"] = command
    _remove(settings, outdated)
    return _written(settings, text)


def uninstall(text: str) -> str:
    """The text without any hook of FleetHub's. Raises SettingsError."""
    settings = _parse(text)
    _remove(settings, lambda command: True)
    return _written(settings, text)


def is_empty(text: str) -> bool:
    """Whether nothing is set in it."""
    return not json.loads(text)


def runs_no_hooks(text: str) -> bool:
    """Whether these settings tell Claude to run no hook at all. Raises SettingsError."""
    return _parse(text).get("disableAllHooks") is True


def _remove(settings: dict[str, Any], gone: Callable[[str], object]) -> None:
    """Take FleetHub's hooks out, and each container around them that holds nothing else."""
    going = [id(hook) for hook in _ours(settings) if gone(hook["command"])]
    if not going:
        return
    groups = settings["hooks"][EVENT]
    for group in [group for group in groups if any(id(hook) in going for hook in group["hooks"])]:
        group["hooks"] = [hook for hook in group["hooks"] if id(hook) not in going]
        if not group["hooks"]:
            groups.remove(group)
    if not groups:
        del settings["hooks"][EVENT]
    if not settings["hooks"]:
        del settings["hooks"]


def _ours(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """FleetHub's hooks; raises SettingsError where something on the way to them has another shape."""
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict):
        raise SettingsError("hooks is not an object")
    groups = hooks.get(EVENT, [])
    if not isinstance(groups, list):
        raise SettingsError(f"hooks.{EVENT} is not a list")
    found = []
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("hooks"), list):
            raise SettingsError(f"an entry of hooks.{EVENT} is not an object with a list of hooks")
        for hook in group["hooks"]:
            if not isinstance(hook, dict):
                raise SettingsError(f"a hook of hooks.{EVENT} is not an object")
            if is_ours(hook.get("command")):
                found.append(hook)
    return found


def _parse(text: str) -> dict[str, Any]:
    """The settings; what could not be written again as it is raises SettingsError: a key twice, an endless number."""
    try:
        value = strict.loads(text, _float)
    except json.JSONDecodeError as error:
        raise SettingsError(f"not JSON: {error.msg}", error.lineno) from None
    except SettingsError:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise SettingsError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SettingsError("not a JSON object")
    return value


def _float(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf") or Decimal(repr(value)) != Decimal(text):
        raise SettingsError(f"{text[:40]} has more digits than a JSON number keeps")
    return value


def _written(settings: dict[str, Any], text: str) -> str:
    """The settings in the manner of a text; that text itself where they are its own."""
    if settings == _parse(text):
        return text
    lines = re.search(r"\n([ \t]+)\S", text)
    bare = text.strip()
    indent = lines[1] if lines else None if "\n" not in bare and bare[1:-1].strip() else "  "
    tight = re.search(r'(?<!\\)":\s', bare) is None and indent is None
    ascii_only = bare.isascii() or "\\ud" in bare.lower()  # half a pair of surrogates has no UTF-8
    body = json.dumps(settings, indent=indent, ensure_ascii=ascii_only, separators=(",", ":") if tight else None)
    before, after = text[: text.index(bare)], text[text.index(bare) + len(bare) :]
    return before + (body.replace("\n", "\r\n") if "\r\n" in text else body) + after
