"""FleetHub's hook in the text of a Claude settings file: put in and taken out without touching another character.

The text is not written anew from its values: a reader of JSON tells where things stand, and a piece is put in or cut
out there. What is cut leaves what was there before: containers that were made for the hook go with it, those that
were there empty stay. A made one has white space after its bracket; in one that was empty the hook follows at once.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

EVENT = "SessionStart"
MATCHER = "startup|resume|clear|compact"
ARGUMENTS = "context --format claude-hook"
GLOBALS = ("-C", "--json", "--no-color")
FORMS = ("text", "markdown", "claude-hook")
TIMEOUT = 5  # seconds

_SPACE = re.compile(r"[ \t\r\n]*")


class SettingsError(ValueError):
    """The text is not what a settings file must be; ``line`` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Item:
    """A member of an object (from its key on) or an element of an array; ``at`` is where its value starts."""

    key: str | None
    start: int
    at: int
    end: int
    value: Any


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
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return any(
        PurePath(word).name == "fleethub" and _starts(words[:at]) and _called(words[at + 1 :]) == "context"
        for at, word in enumerate(words)
    )


def _starts(before: list[str]) -> bool:
    """Whether a word after these is a program, not an argument."""
    last = before[-1] if before else ";"
    return (
        last in ("-m", "exec", "env") or last.endswith((";", "&", "|")) or re.match(r"[A-Za-z_]\w*=", last) is not None
    )


def _called(words: list[str]) -> str:
    """The command of FleetHub's own arguments."""
    while words and words[0].startswith("-"):
        words = words[2 if words[0] == "-C" else 1 :]
    return words[0] if words else ""


def outdated(command: str) -> str:
    """Why a hook of FleetHub's does nothing now: its words are those of another version. Empty for one that works."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    at = next((i for i, word in enumerate(words) if PurePath(word).name == "fleethub" and _starts(words[:i])), None)
    rest = words[at + 1 :] if at is not None else []
    while rest and rest[0] != "context":
        option, rest = rest[0], rest[2 if rest[0] == "-C" else 1 :]
        if option not in GLOBALS:
            return f"fleethub has no option {option}"
    rest = _own(rest[1:])
    while rest:
        option, _, value = rest[0].partition("=")
        rest = rest[1:]
        if option != "--format":
            return f"fleethub context has no option {option}"
        if not value:
            value, rest = (rest[0], rest[1:]) if rest else ("", [])
        if value not in FORMS:
            return "it names no format that there is"
    return ""


def _own(words: list[str]) -> list[str]:
    """The words that are arguments: up to a redirection or the next command."""
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
    commands = [hook.value["command"] for _, _, hook in _hooks(text)]
    return [f"{command}: {why}" for command in commands if (why := outdated(command))]


def install(text: str, command: str) -> str:
    """The text with the hook in it; one that is there already stays where it is, one of another version is replaced.

    Raises SettingsError.
    """
    found = _hooks(text)
    if found:
        text = _refresh(text, found[0][2], command)
        while rest := [one for one in _hooks(text)[1:] if outdated(one[2].value["command"])]:
            text = _remove(text, *rest[0])
        return text
    root = _root(text)
    hooks = _member(text, root, "hooks")
    if hooks is None:
        return _add(text, root, "hooks", {EVENT: [entry(command)]})
    event = _member(text, hooks.at, EVENT)
    if event is None:
        return _add(text, hooks.at, EVENT, [entry(command)])
    return _add(text, event.at, None, entry(command))


def uninstall(text: str) -> str:
    """The text without any hook of FleetHub's. Raises SettingsError."""
    while found := _hooks(text):
        event, group, hook = found[0]
        text = _remove(text, event, group, hook)
    return text


def is_empty(text: str) -> bool:
    """Whether nothing is set in it."""
    return not json.loads(text)


def _remove(text: str, event: _Item, group: _Item, hook: _Item) -> str:
    """Cut one hook, and each container around it that holds nothing else and was made for it."""
    listed = _member(text, group.at, "hooks")
    hooks = _member(text, _root(text), "hooks")
    assert listed is not None
    assert hooks is not None
    if len(_items(text, listed.at)) > 1:
        return _cut(text, listed.at, hook)
    if len(_items(text, event.at)) > 1 or not _made(text, event.at):
        return _cut(text, event.at, group)
    if len(_items(text, hooks.at)) > 1 or not _made(text, hooks.at):
        return _cut(text, hooks.at, event)
    return _cut(text, _root(text), hooks)


def _hooks(text: str) -> list[tuple[_Item, _Item, _Item]]:
    """FleetHub's hooks: the event, the group and the hook of each. Checks every shape on the way."""
    hooks = _member(text, _root(text), "hooks")
    if hooks is None:
        return []
    if not isinstance(hooks.value, dict):
        _refuse(text, hooks.at, "hooks is not an object")
    event = _member(text, hooks.at, EVENT)
    if event is None:
        return []
    if not isinstance(event.value, list):
        _refuse(text, event.at, f"hooks.{EVENT} is not a list")
    found = []
    for group in _items(text, event.at):
        listed = _member(text, group.at, "hooks") if isinstance(group.value, dict) else None
        if listed is None or not isinstance(listed.value, list):
            _refuse(text, group.at, f"an entry of hooks.{EVENT} is not an object with a list of hooks")
        for hook in _items(text, listed.at):
            if not isinstance(hook.value, dict):
                _refuse(text, hook.at, f"a hook of hooks.{EVENT} is not an object")
            if is_ours(hook.value.get("command")):
                found.append((event, group, hook))
    return found


def _refresh(text: str, hook: _Item, command: str) -> str:
    """The same text, but for a command that FleetHub wrote when it was installed elsewhere, or was another version."""
    old = _member(text, hook.at, "command")
    if old is None or old.value == command or not (old.value.endswith(f" {ARGUMENTS}") or outdated(old.value)):
        return text
    return text[: old.at] + json.dumps(command, ensure_ascii=False) + text[old.end :]


def _root(text: str) -> int:
    """Where the outermost object starts."""
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise SettingsError(f"not JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"not JSON: {error}", 1) from None
    start = _skip(text, 0)
    if not isinstance(value, dict):
        _refuse(text, start, "not a JSON object")
    return start


def _member(text: str, start: int, key: str) -> _Item | None:
    """A member of the object that starts there."""
    found = [item for item in _items(text, start) if item.key == key]
    if len(found) > 1:
        _refuse(text, found[1].start, f"{key} is there twice")
    return found[0] if found else None


def _items(text: str, start: int) -> list[_Item]:
    """What the object or array that starts there holds."""
    closing = "}" if text[start] == "{" else "]"
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    at, found = _skip(text, start + 1), []
    while text[at] != closing:
        begin, key = at, None
        if closing == "}":
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        value, end = decoder.raw_decode(text, at)
        found.append(_Item(key, begin, at, end, value))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _add(text: str, start: int, key: str | None, value: Any) -> str:
    """Put a member or an element last into the container that starts there."""
    eol = "\r\n" if "\r\n" in text else "\n"
    items = _items(text, start)
    if items:
        last = items[-1]
        before = text[: last.start]
        space = before[len(before.rstrip(" \t\r\n")) :]
        _, newline, indent = space.rpartition("\n")
        if not newline:
            return text[: last.end] + "," + (space or " ") + _dump(key, value, None, eol, text) + text[last.end :]
        lead = f"{eol}{indent}"
        return text[: last.end] + "," + lead + _dump(key, value, indent, eol, text) + text[last.end :]
    after = start + 1
    if start == _root(text):
        unit = _unit(text)
        return text[:after] + eol + unit + _dump(key, value, unit, eol, text) + eol + text[after:]
    line = text[text.rfind("\n", 0, start) + 1 : start]
    depth = None if "\n" not in text else line[: len(line) - len(line.lstrip(" \t"))]
    return text[:after] + _dump(key, value, depth, eol, text) + text[after:]


def _dump(key: str | None, value: Any, indent: str | None, eol: str, text: str) -> str:
    """A value in the file's own manner; ``indent`` None: all on one line."""
    head = "" if key is None else f"{json.dumps(key)}: "
    if indent is None:
        return head + _line(value, 2 if key == "hooks" else 1 if key == EVENT else 0)
    body = json.dumps(value, indent=_unit(text), ensure_ascii=False)
    return head + body.replace("\n", eol + indent)


def _line(value: Any, made: int) -> str:
    """On one line; the outer ``made`` containers with a space inside."""
    if not made:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        ((key, inner),) = value.items()
        return f"{{ {json.dumps(key)}: {_line(inner, made - 1)} }}"
    return f"[ {_line(value[0], made - 1)} ]"


def _unit(text: str) -> str:
    """One step of the file's indentation."""
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else "  "


def _made(text: str, start: int) -> bool:
    return text[start + 1] in " \t\r\n"


def _cut(text: str, start: int, item: _Item) -> str:
    """Take an item out of the container that starts there, with what ``_add`` put around it."""
    items = _items(text, start)
    place = next(i for i, one in enumerate(items) if one.start == item.start)
    if place:
        return text[: items[place - 1].end] + text[item.end :]
    if len(items) > 1:
        return text[: item.start] + text[items[1].start :]
    rest = text[item.end :]
    if start == _root(text):
        rest = rest.removeprefix("\r\n" if rest.startswith("\r\n") else "\n")
    return text[: start + 1] + rest


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _refuse(text: str, at: int, message: str) -> NoReturn:
    raise SettingsError(message, text.count("\n", 0, at) + 1)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
