"""The hook's file: a backup, one rename, links followed, nothing changed by what is refused."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleethub.integrations.claude_code.hook import (
    HookError,
    carry_out,
    hook_command,
    plan_install,
    plan_uninstall,
    project_settings,
    user_settings,
)

COMMAND = hook_command(("/opt/fleet snapshots/bin/fleethub",))
CANARY = "sk-ant-Canary7Canary7Canary7"
TEXT = json.dumps({"env": {"ANTHROPIC_API_KEY": CANARY}, "permissions": {"allow": [CANARY]}}, indent=2)
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return user_settings(tmp_path)


def written(file: Path, text: str = TEXT, mode: int = 0o640) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    file.chmod(mode)
    return file


def others(file: Path) -> list[str]:
    return sorted(entry.name for entry in file.parent.iterdir() if entry != file)


def test_places(tmp_path: Path) -> None:
    assert user_settings(tmp_path) == tmp_path / ".claude/settings.json"
    assert project_settings(tmp_path) == tmp_path / ".claude/settings.local.json"
    assert COMMAND == "'/opt/fleet snapshots/bin/fleethub' context --format claude-hook"


def test_install_keeps_a_backup_and_the_mode(file: Path) -> None:
    written(file)
    edit = plan_install(file, COMMAND)
    assert file.read_text() == TEXT
    backup = carry_out(edit, NOW)
    assert backup == file.with_name("settings.json.fleethub-20261126T120000Z.bak")
    assert (backup.read_text(), backup.stat().st_mode & 0o777) == (TEXT, 0o640)
    assert file.stat().st_mode & 0o777 == 0o640
    assert json.loads(file.read_text())["hooks"]["SessionStart"][0]["hooks"][0]["command"] == COMMAND
    assert not plan_install(file, COMMAND).changes
    assert others(file) == [backup.name]


def test_two_backups_of_one_second_are_two(file: Path) -> None:
    written(file)
    names = {carry_out(plan_install(file, COMMAND), NOW), carry_out(plan_uninstall(file), NOW)}
    assert len(names) == len(others(file)) == 2
    assert file.read_text() == TEXT


def test_a_file_that_was_not_there_is_private_and_goes_again(file: Path) -> None:
    assert carry_out(plan_install(file, COMMAND), NOW) is None
    assert file.stat().st_mode & 0o777 == 0o600
    edit = plan_uninstall(file)
    assert edit.after is None
    carry_out(edit, NOW)
    assert not file.exists()
    assert not plan_uninstall(file).changes


def test_a_file_that_was_there_empty_stays(file: Path) -> None:
    written(file, "{}\n")
    carry_out(plan_install(file, COMMAND), NOW)
    carry_out(plan_uninstall(file), NOW)
    assert file.read_bytes() == b"{}\n"


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    real = written(tmp_path / "dotfiles/claude.json")
    file.parent.mkdir()
    file.symlink_to(real)
    carry_out(plan_install(file, COMMAND), NOW)
    assert file.is_symlink()
    assert "SessionStart" in real.read_text()
    assert others(file) == []
    assert len(others(real)) == 1
    carry_out(plan_uninstall(file), NOW)
    assert real.read_text() == TEXT


def test_a_link_in_a_circle_and_a_folder_are_refused(file: Path) -> None:
    file.parent.mkdir()
    file.symlink_to(file)
    with pytest.raises(HookError):
        plan_install(file, COMMAND)
    file.unlink()
    file.mkdir()
    with pytest.raises(HookError, match="directory"):
        plan_install(file, COMMAND)


@pytest.mark.parametrize(
    ("data", "line"),
    [(b'{\n "a": 1,\n}', ":3"), (b"{\n\xff", ":2"), (b"", ":1"), (b'{"hooks": {\n"SessionStart": 1}}', "")],
)
def test_what_is_refused_is_named_and_left(file: Path, data: bytes, line: str) -> None:
    file.parent.mkdir()
    file.write_bytes(data)
    for attempt in (lambda: plan_install(file, COMMAND), lambda: plan_uninstall(file)):
        with pytest.raises(HookError, match=f"settings.json{line}: .*nothing was changed"):
            attempt()
    assert file.read_bytes() == data
    assert others(file) == []


def test_a_file_that_changed_since_the_preview_is_left(file: Path) -> None:
    written(file)
    edit = plan_install(file, COMMAND)
    file.write_text("{}")
    with pytest.raises(HookError, match="changed meanwhile"):
        carry_out(edit, NOW)
    assert file.read_text() == "{}"
    late = plan_install(file.with_name("new.json"), COMMAND)
    late.path.write_text("{}")
    with pytest.raises(HookError, match="changed meanwhile"):
        carry_out(late, NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(file: Path) -> None:
    written(file)
    file.parent.chmod(0o500)
    try:
        with pytest.raises(HookError, match="Permission denied"):
            carry_out(plan_install(file, COMMAND), NOW)
    finally:
        file.parent.chmod(0o700)
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        json.dumps(json.loads(TEXT)),
        f'{{"a": "{CANARY}\u2028{CANARY}", "b\\"{"x"}": ["{CANARY}", "\\"{CANARY}"]}}',
        f'{{"hooks": {{"SessionStart": [{{"hooks": [{{"type": "command", "command": "x {CANARY}"}}]}}]}}}}',
    ],
)
def test_the_preview_shows_the_hook_and_nobodys_values(file: Path, text: str) -> None:
    written(file, text)
    preview = "\n".join(plan_install(file, COMMAND).preview)
    assert CANARY not in preview
    assert COMMAND in preview
    assert '"startup|resume|clear|compact"' in preview


def test_preview(file: Path) -> None:
    written(file, json.dumps({"model": "opus", "env": {"KEY": CANARY}}, indent=2) + "\n")
    lines = plan_install(file, "fleethub context --format claude-hook").preview
    assert (
        "\n".join(lines[2:])
        == """\
@@ -2,5 +2,19 @@
   "model": "…",
   "env": {
     "KEY": "…"
+  },
+  "hooks": {
+    "SessionStart": [
+      {
+        "matcher": "startup|resume|clear|compact",
+        "hooks": [
+          {
+            "type": "command",
+            "command": "fleethub context --format claude-hook",
+            "timeout": 5
+          }
+        ]
+      }
+    ]
   }
 }"""
    )
