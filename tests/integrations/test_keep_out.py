"""What git would take of a hook's files, with real git: nothing, and nobody's own files are written for that."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fleethub.integrations.claude_code.hook import HookError, project_settings
from fleethub.integrations.claude_code.keep_out import ABOUT, Kept, carry_out, look
from tests.support import Place


def git(folder: Path, *argv: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.example"}
    env |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.example"}
    return subprocess.run(["git", *argv], cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = tmp_path / "a [project]"
    (found / ".claude").mkdir(parents=True)
    git(found, "init", "-q")
    return found


def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", "")


def test_git_takes_nothing_of_a_projects_hook(project: Path, tmp_path: Path) -> None:
    project_settings(project).write_text('{"env": {"TOKEN": "tok-Canary9"}}')
    argv = ("tangleclaw", "install-hook", "--project", str(project), "-y")
    says = place(tmp_path).run(*argv, code=0)
    assert "git leaves both alone" in says
    assert len(list((project / ".claude").iterdir())) == 2
    assert git(project, "add", "-A", "-n") == ""
    assert git(project, "status", "--porcelain") == ""
    exclude = (project / ".git/info/exclude").read_text()
    assert "as it should be" in place(tmp_path).run(*argv, code=0)
    assert (project / ".git/info/exclude").read_text() == exclude
    assert exclude.count(ABOUT) == 1


def test_one_that_was_installed_before_is_kept_out_too(project: Path, tmp_path: Path) -> None:
    argv = ("tangleclaw", "install-hook", "--project", str(project))
    place(tmp_path).run(*argv, "-y", code=0)
    (project / ".git/info/exclude").unlink()
    asked = place(tmp_path).run(*argv, "--dry-run", code=0)
    assert f"{project}/.git/info/exclude: + /.claude/settings.local.json\n" in asked
    assert not (project / ".git/info/exclude").exists()
    place(tmp_path).run(*argv, "-y", code=0)
    assert git(project, "add", "-A", "-n") == ""


def test_below_the_top_in_a_work_tree_and_where_it_is_ignored_already(project: Path, tmp_path: Path) -> None:
    (project / "x").write_text("")
    git(project, "add", "x")
    git(project, "commit", "-qm", "x")
    git(project, "worktree", "add", "-q", str(tmp_path / "tree"))
    below = tmp_path / "tree" / "so [me]"
    below.mkdir()
    kept = look(below, project_settings(below))
    assert kept.lines[0] == "/so\\ \\[me\\]/.claude/settings.local.json"
    carry_out(kept)
    project_settings(below).parent.mkdir()
    project_settings(below).write_text("{}")
    assert git(tmp_path / "tree", "add", "-A", "-n") == ""
    assert look(below, project_settings(below)).lines == ()
    (project / ".gitignore").write_text(".claude/\n")
    assert look(project, project_settings(project)).lines == ()


def test_a_tracked_file_is_said_and_a_folder_without_git_needs_nothing(project: Path, tmp_path: Path) -> None:
    project_settings(project).write_text("{}")
    git(project, "add", "-A")
    kept = look(project, project_settings(project))
    assert kept.notes == (f"git tracks {project_settings(project)}: what is written there is committed with it",)
    assert kept.lines == ("/.claude/settings.local.json.fleethub-*",)
    (tmp_path / "plain").mkdir()
    assert look(tmp_path / "plain", project_settings(tmp_path / "plain")) == Kept()


def test_without_the_list_nothing_is_written(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_file = Kept(project, ("/x",))
    with pytest.raises(HookError, match="so nothing was"):
        carry_out(no_file)
    monkeypatch.setattr("fleethub.integrations.claude_code.keep_out.look", lambda *_: no_file)
    says = place(tmp_path).run("tangleclaw", "install-hook", "--project", str(project), "-y", code=1)
    assert "so nothing was: git would take what is written" in says
    assert not project_settings(project).exists()


def test_settings_that_run_no_hook_are_named(project: Path, tmp_path: Path) -> None:
    (project / ".claude/settings.json").write_text('{"disableAllHooks": true}')
    argv = ("tangleclaw", "install-hook", "--project", str(project))
    for more in ("-y", "--dry-run"):
        says = place(tmp_path).run(*argv, more, code=0)
        assert f"note: {project}/.claude/settings.json has disableAllHooks: while it has, Claude runs no hook" in says
    assert "disableAllHooks" not in place(tmp_path).run("tangleclaw", "uninstall-hook", *argv[2:], "-y", code=0)
