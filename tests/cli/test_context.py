"""``observe`` and ``context`` as a user and a session run them: real processes, real files, no network for context."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleethub.model.facts import Facts
from fleethub.operations.workplace import Workplace
from tests.forked import ended
from tests.support import MASTER, Place, recorded
from tests.test_laws import World
from tests.views.test_text import MODELS

NODES = """
[nodes.volta]
host = "volta"
model = "qwen3-32b"
owner = "Volta"
labels = { project = "7" }
[nodes.tilt]
host = "tilt"
model = "qwen3-32b"
"""


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return world.place(tmp_path, MODELS + NODES)


def session(folder: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """``fleethub context`` in a process of its own, as a hook runs it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FLEETHUB_", "TANGLECLAW_", "LITELLM_"))}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"  # where its name is enough
    return ended("context", *argv, cwd=folder, env={**clean, **env})


def test_silent_where_no_fleet_is_known(tmp_path: Path) -> None:
    for form in ("text", "claude-hook"):
        done = session(tmp_path, "--format", form, XDG_CONFIG_HOME=str(tmp_path / "none"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_variable_of_other_commands_that_means_nothing_keeps_no_session_from_starting(tmp_path: Path) -> None:
    done = session(tmp_path, FLEETHUB_LOCK_TIMEOUT="soon", XDG_CONFIG_HOME=str(tmp_path / "none"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_from_never_observed_to_drift(place: Place, world: World, tmp_path: Path) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert "never observed" in session(place.folder, **config).stdout
    place.apply()
    assert "No drift and no open findings." in session(place.folder, **config).stdout
    (place.folder / "nodes/volta/openclaw.json").write_text("{}")
    assert "No drift" in session(place.folder, **config).stdout, "context looks at nothing by itself"
    place.run("observe", code=0)
    done = session(place.folder, "--format", "claude-hook", **config)
    text = json.loads(done.stdout)["hookSpecificOutput"]["additionalContext"]
    assert "drift: node.volta" in text
    assert len(done.stdout) <= 4001  # and the line's end


def test_a_session_elsewhere_finds_the_fleet_and_its_own_node(place: Place, tmp_path: Path) -> None:
    place.apply()
    place.run("observe", code=0)
    elsewhere = tmp_path / "projects" / "somewhere"
    (elsewhere / ".tangleclaw").mkdir(parents=True)
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert "Yours" not in session(elsewhere, **config).stdout
    for env in ({"TANGLECLAW_PROJECT_ID": "7"}, {"FLEETHUB_PROJECT": "VOLTA"}):
        assert "Yours:\n  volta runs qwen3-32b" in session(elsewhere, **config, **env).stdout
    (elsewhere / ".tangleclaw" / "project.json").write_text('{"name": "Volta", "id": 3}')
    below = elsewhere / "src"
    below.mkdir()
    assert "Yours:\n  volta runs" in session(below, **config).stdout


def test_what_somebody_s_repository_calls_its_project_keeps_no_session_waiting(place: Place, tmp_path: Path) -> None:
    """A pipe, a device without an end, what nests without one: at each of them the fleet is told of."""
    place.apply()
    place.run("observe", code=0)
    project = tmp_path / "somewhere/.tangleclaw/project.json"
    project.parent.mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 100_000)
    for name in (tmp_path / "pipe", Path("/dev/zero"), tmp_path / "deep"):
        project.symlink_to(name)
        done = session(project.parent.parent, FLEETHUB_PROJECT="volta", XDG_CONFIG_HOME=str(tmp_path / "config"))
        assert "Yours:\n  volta runs" in done.stdout
        assert done.stderr == ""
        project.unlink()


def test_a_pane_is_known_by_its_id_and_a_project_by_letters_and_digits(place: Place, tmp_path: Path) -> None:
    place.edit('owner = "Volta"', 'owner = "TiltClaw"\nprojects = ["RentalClaw-Project"]')
    place.apply()
    place.run("observe", code=0)
    elsewhere = tmp_path / "somewhere"
    elsewhere.mkdir()
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    (place.folder / ".fleethub/tangleclaw.json").write_text('{"projects": {"12": "TiLT Claw"}}')
    for env in ({"TANGLECLAW_PROJECT_ID": "12"}, {"FLEETHUB_PROJECT": "rentalclaw project"}):
        assert "Yours:\n  volta" in session(elsewhere, **config, **env).stdout
    assert "Yours" not in session(elsewhere, **config, TANGLECLAW_PROJECT_ID="13").stdout
    project = tmp_path / "TiLT Claw"
    project.mkdir()
    assert "Yours:\n  volta" in session(project, **config).stdout
    asked = ("assign", "volta", "gpt-oss-20b", "--dry-run")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLEETHUB_")} | {"LITELLM_MASTER_KEY": MASTER}
    for number, code, says in (("12", 0, "A dry run"), ("13", 1, "13 is the number of a project of TangleClaw's")):
        env = {**clean, **config, "TANGLECLAW_PROJECT_ID": number}
        done = ended(*asked, cwd=place.folder, env=env)
        assert (done.returncode, says in done.stdout + done.stderr) == (code, True)


def test_a_hook_says_nothing_in_a_project_that_is_no_consumer_unless_it_is_asked(place: Place, tmp_path: Path) -> None:
    place.apply()
    place.run("observe", code=0)
    stranger, hook = tmp_path / "stranger", ("--format", "claude-hook")
    stranger.mkdir()
    config = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert session(stranger, *hook, **config).stdout == ""
    assert "Inference fleet" in session(stranger, **config).stdout
    for env in ({"FLEETHUB_CONTEXT": "all"}, {"TANGLECLAW_ROLE": "master"}, {"FLEETHUB_PROJECT": "volta"}):
        assert "Inference fleet" in session(stranger, *hook, **config, **env).stdout
    (place.folder / ".fleethub/tangleclaw.json").write_text('{"projects": {"3": "Stranger"}}')
    assert "Inference fleet" in session(stranger, *hook, **config).stdout


def test_what_a_session_needs_to_act_is_there(place: Place, world: World, tmp_path: Path) -> None:
    place.edit("context = 32768", 'context = 32768\ncapabilities = ["tools"]\nowner = "Ops"')
    place.apply()
    place.run("assign", "tilt", "gpt-oss-20b", "--project", "TiLT Claw", "--yes", code=0)
    place.run("observe", code=0)
    kept = place.folder / ".fleethub/context.json"
    told = json.loads(kept.read_text())
    line = "run fleethub destroy → fleethub capacity gpu: what fits"
    kept.write_text(json.dumps({**told, "trouble": [{"kind": "warning", "about": "", "line": line}]}))
    elsewhere = tmp_path / "Volta"
    elsewhere.mkdir()
    served = {"url": "http://127.0.0.1:3310", "pid": os.getpid(), "host": os.uname().nodename}
    (place.folder / ".fleethub/served.json").write_text(json.dumps(served))
    text = session(elsewhere, XDG_CONFIG_HOME=str(tmp_path / "config")).stdout
    for line in (
        f"volta calls {world.proxy.url}/v1 as model qwen3-32b; its key is in {place.folder}/nodes/volta/.env: read",
        "qwen3-32b: 32,768 tokens, gpu, owner Ops; tools",
        "gpt-oss-120b: 32,768 tokens, gpu; used by nobody, would not fit",
        f"main: base URL {world.proxy.url}/v1; model: an alias of these",
        'as "TiLT Claw": assign gpt-oss-20b to tilt',
        "Page: http://127.0.0.1:3310",
        f"fleethub -C {place.folder} assign NODE MODEL --project Volta --yes",
        "everybody's pending edits (now: key.main.tilt, node.tilt)",
        f"run fleethub destroy → fleethub -C {place.folder} capacity gpu: what fits",  # what others said stays as it is
        "not yours: entries",
    ):
        assert line in text, text
    for gone in ({"pid": 999999999}, {"host": "another"}, {"pid": "x"}):
        (place.folder / ".fleethub/served.json").write_text(json.dumps({**served, **gone}))
        assert "Page:" not in session(elsewhere, XDG_CONFIG_HOME=str(tmp_path / "config")).stdout


def test_an_edit_after_the_observation_is_told(place: Place, tmp_path: Path) -> None:
    place.apply()
    place.edit("[nodes.tilt]", "# a remark\n[nodes.tilt]")
    done = session(place.folder, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert "Since then the spec was edited (fleet.toml): run fleethub observe." in done.stdout


def test_a_node_or_a_template_in_a_new_file_is_told(place: Place) -> None:
    place.edit("[fleet]", 'include = ["more/*.toml"]\n[fleet]')
    (place.folder / "more").mkdir()
    place.apply()
    assert "Since then" not in place.run("context")
    (place.folder / "more/new.toml").write_text('[nodes.new]\nhost = "new"\nmodel = "qwen3-32b"\n')
    assert "Since then the spec was edited (more/)" in place.run("context")
    (place.folder / "more/new.toml").unlink()
    (place.folder / "templates/openclaw-docker").mkdir(parents=True)
    (place.folder / "templates/openclaw-docker/env.j2").write_text("")
    assert "Since then the spec was edited (templates/openclaw-docker/)" in place.run("context")


def test_what_is_edited_while_the_fleet_is_read_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.apply()
    reading = Workplace.read

    def read(self: Workplace, *args: Any) -> Facts:
        place.edit("[nodes.tilt]", "# meanwhile\n[nodes.tilt]")
        return reading(self, *args)

    monkeypatch.setattr(Workplace, "read", read)
    place.run("observe", code=0)
    assert "Since then the spec was edited (fleet.toml)" in place.run("context")


def test_a_damaged_cache_of_one_fleet_hides_no_other(place: Place, tmp_path: Path) -> None:
    place.apply()
    other = tmp_path / "other"
    (other / ".fleethub").mkdir(parents=True)
    (other / "fleet.toml").write_text("")
    (other / ".fleethub/context.json").write_text('{"format": 1, "files": {}, "trouble": 3}')
    listed = tmp_path / "config/fleethub/fleets"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_bytes(bytes(other) + b"\n/srv/caf\xe9\n" + bytes(place.folder) + b"\n")
    done = session(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert "Inference fleet laws (FleetHub), observed" in done.stdout
    assert f"{other} (FleetHub): what was observed was not kept in a form" in done.stdout
    assert "/srv/caf (FleetHub): its folder is not there now" in done.stdout
    assert "take its line out of ~/.config/fleethub/fleets" in done.stdout
    assert done.stderr == ""


def test_a_released_node_is_told_until_it_is_taken_down(place: Place) -> None:
    place.apply()
    place.run("release", "volta", "--project", "Volta", "--yes", code=0)
    place.run("observe", code=0)
    text = place.run("context")
    assert "volta runs qwen3-32b, and is no longer in the spec (delete planned)" in text
    assert "without a node" not in text
    assert "  volta (Volta): qwen3-32b, no longer in the spec  [delete planned]" in place.run("status")
    (place.folder / "nodes/volta/openclaw.json").write_text("{}")
    place.run("observe")
    assert "volta runs what is unknown, and is no longer in the spec" in place.run("context")
    place.write((place.folder / "fleet.toml").read_text())
    place.apply()
    assert "volta" not in place.run("context").partition("\n\n")[2].partition("Last changes")[0]


def test_a_config_that_cannot_be_understood_runs_what_is_unknown(place: Place) -> None:
    place.apply()
    (place.folder / "nodes/volta/openclaw.json").write_text("{ no JSON")
    place.run("observe", code=0)
    text = place.run("context")
    assert "volta runs what is unknown, for its config cannot be understood; the spec says qwen3-32b" in text
    assert "nothing" not in text.partition("Consumers")[2].partition("Models")[0]
    assert "  volta (Volta): there: its config cannot be understood  [update planned]" in place.run("status")


def test_drift_that_the_policy_stops_at_is_not_said_to_be_undone(place: Place) -> None:
    place.edit('drift = "repair"', 'drift = "stop"')
    place.apply()
    (place.folder / "nodes/volta/openclaw.json").write_text("{}")
    for command in ("observe", "status", "plan"):
        place.run(command)
        text = place.run("context")
        assert "left alone until somebody decides" in text, command
        assert "the next apply undoes it" not in text
    assert "[blocked planned]" not in place.run("status")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_applied_is_told_whatever_becomes_of_the_look_afterwards(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    reading, asked = Workplace.read, []

    def read(self: Workplace, *args: Any) -> Facts:
        asked.append(args)
        if len(asked) > 1:
            raise error
        return reading(self, *args)

    monkeypatch.setattr(Workplace, "read", read)
    *_, summary = place.json("apply", "--auto-approve")
    assert (summary["exit"], summary["applied"], len(summary["done"]) > 0) == (0, True, True)
    assert any(f"({error.__name__})" in note for note in summary["notes"])


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": 1, "files": {}, "trouble": 3}', "\0"])
def test_a_damaged_cache_never_fails_a_session(place: Place, tmp_path: Path, damage: str) -> None:
    (place.folder / ".fleethub").mkdir()
    (place.folder / ".fleethub/context.json").write_text(damage)
    done = session(place.folder, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert done.returncode == 0
    assert "fleethub observe" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_fleet_that_cannot_be_read_hides_no_other(place: Place, tmp_path: Path) -> None:
    place.apply()
    long = tmp_path / ("x" * 300)  # what root cannot look into either
    listed = tmp_path / "config" / "fleethub" / "fleets"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text(f"{long}\n{place.folder}\n")
    done = session(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert done.returncode == 0
    assert done.stderr == ""
    assert "(FleetHub), observed" in done.stdout
    assert "its folder cannot be read: File name too long" in done.stdout


def test_context_imports_next_to_nothing(place: Place) -> None:
    place.apply()
    heavy = [
        "click",
        "dataclasses",
        "inspect",
        "shutil",
        "pydantic",
        "httpcore",
        "httpx",
        "jinja2",
        "rich",
        "deepdiff",
        "fabric",
        "tomllib",
        "fleethub.operations",
        "fleethub.fleetspec",
    ]
    code = (
        "import sys\nfrom fleethub.cli import main\n"
        f"try:\n    main(['-C', {str(place.folder)!r}, 'context'])\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Inference fleet" in done.stdout
    assert done.stderr.strip() == "[]"


def test_observing_sends_reads_only_and_is_told_when_nothing_answers(place: Place, world: World) -> None:
    place.apply()
    before = place.bytes()
    with recorded() as sent:
        place.run("observe", code=0)
    assert {method for method, path in sent if not path.startswith("/api/show")} == {"GET"}
    assert place.bytes() == before
    place.edit(world.proxy.url, "http://127.0.0.1:9")
    summary = place.json("observe")[-1]
    assert (summary["exit"], summary["unknown"] >= 2) == (0, True)
    assert "unknown: " in place.run("context")


def test_observe_says_when_it_could_not_look(place: Place) -> None:
    place.apply()
    good = place.run("context")
    place.seed("fhseed1_" + "0ther" * 8 + "abc")
    assert "seed.mismatch" in place.run("observe", code=3)
    place.write("[fleet")
    assert "spec.syntax" in place.run("observe", code=1)
    assert good.splitlines()[-1] in place.run("context"), "what was observed before stays"


def test_a_session_is_told_that_somebody_applied_from_another_clone(place: Place, tmp_path: Path) -> None:
    place.apply()
    other = place.clone(tmp_path / "other")
    other.edit('model = "qwen3-32b"\nowner', 'model = "llama3.1-8b"\nowner')
    other.apply()
    place.run("plan", code=4)
    text = place.run("context")
    assert "It cannot be looked at now: state.behind " in text
    assert "take the fleet.lock of whoever applied" in text
    assert "No drift" not in text
    assert "volta" in text, "what was seen before stays"
    other.push(place)
    place.run("observe", code=0)
    assert "cannot be looked at" not in place.run("context")


def test_fleethub_md_comes_with_an_apply_and_only_a_material_change_makes_it_new(place: Place) -> None:
    path = place.folder / "FLEETHUB.md"
    assert "FLEETHUB.md" in place.apply()
    first = path.read_bytes()
    assert b"qwen3-32b" in first
    place.edit('model = "qwen3-32b"\nowner = "Volta"', 'model = "qwen3-32b"\nowner = "Volta"\nlabels.x = "y"')
    place.edit('labels = { project = "7" }\n', "")
    place.run("observe")
    assert path.read_bytes() == first, "a spec that was not applied is no reason"
    place.edit('owner = "Volta"', 'owner = "Volta"\nfallbacks = ["llama3.1-8b"]')
    place.run("apply", "--auto-approve")
    assert path.read_bytes() != first
    path.unlink()
    assert "FLEETHUB.md tells what was applied" in place.run("observe", code=0)
    path.write_text("# my own notes\n")
    assert "left alone" in place.run("observe", code=0)
    assert path.read_text() == "# my own notes\n"


def test_machines_get_lines_and_a_summary(place: Place) -> None:
    told, summary = place.json("context")
    assert (told["type"], "never observed" in told["text"]) == ("context", True)
    assert told["fleets"] == [{"folder": str(place.folder), "age": None, "why": "never observed"}]
    assert summary == {"type": "summary", "exit": 0}
    schema, summary = place.json("schema")
    assert (schema["type"], "properties" in schema["schema"], summary["exit"]) == ("schema", True, 0)
    assert json.loads(place.run("schema")) == schema["schema"]  # a text for programs has nothing made fit to be read
