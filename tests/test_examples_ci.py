"""The CI examples do what they say: their own commands run, on a fleet of a checkout, without network and secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleethub.stores import open_store
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place
from tests.world import settled

CI = Path(__file__).parents[1] / "examples/ci"
SPEC = fleet().node("volta", "one").key("volta", rpm=60)
#: Where one of those who use the examples keeps it.
WHEEL = "https://wheels.example/fleethub-0.1.0-py3-none-any.whl"
#: A program that keeps what it is called with, in the place of gh and curl.
KEEPS = """#!/bin/sh
printf '%s\\n' "$*" >> "$KEPT"
case "$*" in *paginate*) printf '%s' "$COMMENTS" ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fleet that was applied, and a change of it."""
    from fleethub.fleetspec.fmt import formatted
    from fleethub.lockfile.text import dump

    folder = tmp_path / "fleet"
    folder.mkdir()
    lockfile = settled(SPEC).lockfile
    assert lockfile is not None
    (folder / "fleet.lock").write_text(dump(lockfile))
    assert open_store(folder).read().lockfile == lockfile
    changed(folder, SPEC.key("volta", rpm=70))
    assert formatted((folder / "fleet.toml").read_text()) == (folder / "fleet.toml").read_text()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("gh", "curl", "pip"):
        (programs / name).write_text(KEEPS)
        (programs / name).chmod(0o755)
    return folder


def changed(folder: Path, spec: Spec) -> None:
    from fleethub.fleetspec.fmt import formatted

    (folder / "fleet.toml").write_text(formatted(spec.text))


def bash(checkout: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{checkout.parent / 'programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    given = {
        "FLEETHUB": WHEEL,
        "PATH": path,
        "HOME": str(checkout.parent),
        "KEPT": str(checkout.parent / "kept"),
        **env,
    }
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=checkout, env=given, capture_output=True, text=True
    )


def kept(checkout: Path) -> list[str]:
    return (checkout.parent / "kept").read_text().splitlines()


def github(checkout: Path, comments: str = "") -> tuple[int, str]:
    """The workflow's steps in their order, as the runner has them: the exit of the last, and the plan."""
    workflow: Any = yaml.safe_load((CI / "github/fleethub.yml").read_text())
    outputs, code = checkout.parent / "output", 0
    summary = checkout.parent / "summary"
    for step in workflow["jobs"]["plan"]["steps"]:
        if "run" not in step:
            continue
        told = dict(line.split("=", 1) for line in outputs.read_text().splitlines()) if outputs.exists() else {}
        script = step["run"].replace("${{ steps.plan.outputs.code }}", told.get("code", ""))
        assert "${{" not in script
        done = bash(
            checkout,
            script,
            GITHUB_OUTPUT=str(outputs),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_REPOSITORY="me/fleet",
            NUMBER="7",
            COMMENTS=comments,
        )
        code = done.returncode
        assert code == 0 or step["name"] == "verdict", done.stderr
    return code, summary.read_text()


def test_github_makes_a_comment_and_then_changes_that_one(checkout: Path) -> None:
    code, summary = github(checkout)
    assert code == 0
    marker = summary.splitlines()[0]
    assert marker == "<!-- fleethub plan monad -->"
    assert "rpm_limit: 60 → 70" in summary
    assert kept(checkout)[0] == f"install fleethub[checks] @ {WHEEL}"
    assert kept(checkout)[-1] == "api --method POST repos/me/fleet/issues/7/comments --field body=@plan.md"
    github(checkout, f"11\tsomething else\n12\t{marker}\n13\t{marker}\n")
    assert kept(checkout)[-1] == "api --method PATCH repos/me/fleet/issues/comments/12 --field body=@plan.md"


def test_github_fails_where_the_plan_is_refused(checkout: Path) -> None:
    changed(checkout, SPEC.table("fleet", name="other"))
    code, summary = github(checkout)
    assert (code, "fleet.renamed" in summary) == (3, True)


def test_nobody_is_told_to_install_it_by_its_name_alone() -> None:
    """A registry would be asked for it, and give whatever is called so there."""
    root = CI.parents[1]
    files = [root / "README.md", *(path for at in ("docs", "examples") for path in (root / at).rglob("*"))]
    texts = {path: path.read_text() for path in files if path.is_file() and path.suffix not in (".pyc", ".png")}
    installs = re.compile(
        r"(?:pip3?|pipx|uv tool|uvx?)\s+(?:pip\s+)?(?:install|run)\b[^\n`]*\bfleethub\b[^\n`]*|uvx\s+fleethub"
    )
    found = [f"{path.name}: {line[0]}" for path, text in texts.items() for line in installs.finditer(text)]
    assert len(found) >= 3
    assert [line for line in found if " @ " not in line and "--no-index" not in line] == []


@pytest.mark.long
def test_gitlab_keeps_the_plan_and_writes_a_note_where_it_may(checkout: Path) -> None:
    job: Any = yaml.safe_load((CI / "gitlab/.gitlab-ci.yml").read_text())["fleethub"]
    script = "\n".join([*job["before_script"], *job["script"]])
    done = bash(checkout, script)
    assert (done.returncode, "rpm_limit: 60 → 70" in done.stdout) == (0, True)
    assert not (checkout / "note.json").exists()
    api = {"CI_API_V4_URL": "https://gitlab.example/api/v4", "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "9"}
    assert bash(checkout, script, FLEETHUB_NOTE_TOKEN="glpat-x", **api).returncode == 0
    assert kept(checkout)[-1].endswith("https://gitlab.example/api/v4/projects/3/merge_requests/9/notes")
    assert json.loads((checkout / "note.json").read_text())["body"] == (checkout / "plan.md").read_text()


@pytest.mark.long
def test_pre_commit_takes_what_is_well_and_refuses_what_is_not(checkout: Path) -> None:
    config: Any = yaml.safe_load((CI / "pre-commit/.pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for hook in config["repos"][0]["hooks"]]
    assert [bash(checkout, entry).returncode for entry in entries] == [0, 0]
    text = (checkout / "fleet.toml").read_text()
    (checkout / "fleet.toml").write_text(text.replace("rpm = 70", "rpm=70"))
    assert [bash(checkout, entry).returncode for entry in entries] == [2, 0]
    (checkout / "fleet.toml").write_text(text.replace("rpm = 70", "rpmm = 70"))
    assert [bash(checkout, entry).returncode for entry in entries] == [0, 1]


@pytest.mark.long
def test_github_applies_what_was_reviewed_or_nothing(tmp_path: Path) -> None:
    jobs: Any = yaml.safe_load((CI / "github/apply.yml").read_text())["jobs"]
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).node("volta", "one").key("volta", rpm=60)
        planned = Place(tmp_path / "planned", spec.text)
        applied = planned.clone(tmp_path / "applied")
        trusted = f"{proxy.url}=env:LITELLM_MASTER_KEY"
        env = {"LITELLM_MASTER_KEY": MASTER, "FLEETHUB_TRUST": trusted, "GITHUB_OUTPUT": str(tmp_path / "output")}

        def steps(job: str, folder: Path) -> int:
            scripts = "\n".join(step["run"] for step in jobs[job]["steps"] if "run" in step)
            done = bash(folder, scripts, **env)
            assert done.returncode in (0, 4), done.stdout + done.stderr
            return done.returncode

        assert steps("plan", planned.folder) == 0
        assert (tmp_path / "output").read_text() == "code=2\n"
        (applied.folder / "fleet.plan").write_bytes((planned.folder / "fleet.plan").read_bytes())
        assert steps("apply", applied.folder) == 0
        assert Admin(proxy.url).row("volta")["rpm_limit"] == 60
        assert steps("apply", applied.folder) == 4  # it was applied
