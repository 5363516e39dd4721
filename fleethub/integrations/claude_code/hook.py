"""FleetHub's SessionStart hook in a Claude settings file: previewed, backed up, replaced whole.

For one project it goes to ``.claude/settings.local.json``: newer TangleClaws write their own hooks there and have
retired ``settings.json``, which is committed, while the hook's command is a path of this machine. Both versions pass
foreign hooks through. The user's own ``~/.claude/settings.json`` reaches every session, TangleClaw's Master too.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace as replace_fields
from datetime import UTC, datetime
from pathlib import Path

from fleethub.atomic import create, replace
from fleethub.integrations.claude_code.settings import (
    ARGUMENTS,
    MATCHER,
    SettingsError,
    install,
    is_empty,
    is_ours,
    old_hooks,
    runs_no_hooks,
    uninstall,
)
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError

MODE = 0o600  # of a file that was not there
MARK = ".fleethub-"
_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?')


class HookError(FleetHubError):
    """The settings file cannot be used, or is not as it was looked at; nothing was changed. Fit to be shown."""


@dataclass(frozen=True, slots=True)
class SettingsEdit:
    """What would become of a file. ``before`` None: it is not there; ``after`` None: it goes.

    ``path`` is the file itself where ``asked`` is a link to it. ``preview``: a unified diff in which other people's
    values are masked, for settings may hold keys. ``old``: hooks of FleetHub's that no longer work, and why.
    """

    asked: Path
    path: Path
    before: bytes | None
    after: bytes | None
    preview: tuple[str, ...]
    old: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.before != self.after


def user_settings(home: Path) -> Path:
    """The settings of all of a user's sessions."""
    return home / ".claude" / "settings.json"


def project_settings(project: Path) -> Path:
    """The settings of one project's sessions on this machine."""
    return project / ".claude" / "settings.local.json"


def hook_command(program: tuple[str, ...]) -> str:
    """The hook's command; ``program``: the words that start FleetHub, by path, as a session may have another PATH."""
    return f"{shlex.join(program)} {ARGUMENTS}"


def plan_install(file: Path, command: str) -> SettingsEdit:
    """What installing would do; raises HookError."""
    made = _plan(file, lambda text: install(text, command))
    return replace_fields(made, old=tuple(old_hooks(made.before.decode())) if made.before else ())


def plan_uninstall(file: Path) -> SettingsEdit:
    """What uninstalling would do; a file that was made for the hook and holds nothing else goes. Raises HookError."""
    made = _plan(file, uninstall)
    if not made.changes or made.after is None or not is_empty(made.after.decode()) or _backups(made.path):
        return made
    return SettingsEdit(made.asked, made.path, made.before, None, made.preview)


def carry_out(edit: SettingsEdit, now: datetime | None = None) -> Path | None:
    """Do it, if the file still is as it was looked at; returns the backup of what was there. Raises HookError."""
    try:
        if _read(edit.path) != edit.before:
            raise HookError(f"{edit.path} was changed meanwhile; nothing was written: try again")
        if edit.after is None:
            edit.path.unlink()
            return None
        mode = stat.S_IMODE(edit.path.stat().st_mode) if edit.before is not None else MODE
        backup = _back_up(edit, mode, now or datetime.now(UTC)) if edit.before is not None else None
        edit.path.parent.mkdir(parents=True, exist_ok=True)
        replace(edit.path, edit.after, mode)
    except OSError as error:
        raise HookError(f"{error.filename or edit.path}: {error.strerror}") from None
    return backup


def without_hooks(files: Iterable[Path]) -> tuple[Path, ...]:
    """Of several settings files, those that tell Claude to run no hook at all; what cannot be read tells nothing."""
    found = []
    for file in dict.fromkeys(files):
        with suppress(OSError, UnicodeDecodeError, SettingsError):
            if runs_no_hooks(file.read_text(encoding="utf-8")):
                found.append(file)
    return tuple(found)


def _plan(file: Path, change: Callable[[str], str]) -> SettingsEdit:
    try:
        path = file.resolve()
        before = _read(path)
    except (OSError, RuntimeError) as error:
        raise HookError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    try:
        text = before.decode() if before is not None else "{}\n"
        new = change(text)
    except UnicodeDecodeError as error:
        line = (before or b"").count(b"\n", 0, error.start) + 1
        raise HookError(f"{path}:{line}: not UTF-8; nothing was changed") from None
    except SettingsError as error:
        raise HookError(f"{path}{f':{error.line}' if error.line else ''}: {error}; nothing was changed") from None
    after = new.encode() if before is not None or new != text else None
    return SettingsEdit(file, path, before, after, _preview(path, text if before is not None else "", new))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _back_up(edit: SettingsEdit, mode: int, now: datetime) -> Path:
    assert edit.before is not None
    stamp, number = f"{now:%Y%m%dT%H%M%SZ}", 0
    while True:
        more = f"-{number}" if number else ""
        backup = edit.path.with_name(f"{edit.path.name}{MARK}{stamp}{more}.bak")
        try:
            create(backup, edit.before, mode)
        except FileExistsError:
            number += 1
        else:
            return backup


def _backups(path: Path) -> list[Path]:
    return [file for file in path.parent.iterdir() if file.name.startswith(f"{path.name}{MARK}")]


def _masked(match: re.Match[str]) -> str:
    """Keys, and of the values only what FleetHub itself writes."""
    literal, colon = match.groups()
    value = json.loads(literal)
    return match[0] if colon or value in ("command", MATCHER) or is_ours(value) else '"…"'


def _preview(path: Path, old: str, new: str) -> tuple[str, ...]:
    def mask(text: str) -> list[str]:
        lines = text.split("\n")  # not at every break that Unicode knows: a string of JSON may hold some
        return [_STRING.sub(_masked, line.rstrip("\r")) for line in (lines if lines[-1] else lines[:-1])]

    lines = difflib.unified_diff(
        mask(old),
        mask(new),
        f"{path} (there)",
        f"{path} (wanted)",
        lineterm="",
    )
    return tuple(lines)
