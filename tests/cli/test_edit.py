"""assign, release, node set and node register as they are typed: what they show, ask, write and end with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.cli.test_confirm import terminal
from tests.editing import MODELS, SPEC, VOLTA
from tests.forked import ended
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=MODELS, master_key=MASTER) as found:
        yield found


@pytest.fixture
def place(proxy: LiteLLM, tmp_path: Path) -> Place:
    found = Place(tmp_path / "fleet", SPEC.format(url=proxy.url))
    (found.folder / "nodes").mkdir()
    (found.folder / "nodes/volta.toml").write_text(VOLTA)
    return found


def volta(place: Place) -> str:
    return (place.folder / "nodes/volta.toml").read_text()


def shown(text: str, place: Place) -> str:
    """The output without what differs from run to run."""
    text = re.sub(r"Plan [0-9a-f]{12}", "Plan (id)", text).replace(str(place.folder), "(fleet)")
    return re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:(port)", text)


def test_assign_shows_the_diff_and_the_plan_and_writes(place: Place, snapshot: Any) -> None:
    place.apply()
    out = place.run("assign", "volta", "gpt-oss-20b", "--project", "volta", "--yes", code=0)
    assert shown(out, place) == snapshot
    assert volta(place) == VOLTA + 'model = "gpt-oss-20b"\nfallbacks = []\n'
    assert "says so already" in place.run("assign", "volta", "gpt-oss-20b", "--project", "volta", code=0)
    place.apply()
    place.plan_is_empty()


def test_release_takes_the_node_down_with_the_next_apply(place: Place, snapshot: Any) -> None:
    place.apply()
    assert (place.folder / "run/volta/.env").exists()
    assert shown(place.run("release", "volta", "--project", "Volta", "-y", code=0), place) == snapshot
    place.apply()
    assert not (place.folder / "run/volta/.env").exists()
    place.plan_is_empty()


def test_another_project_is_refused_and_told_whose_it_is(place: Place, snapshot: Any) -> None:
    assert shown(place.run("assign", "volta", "gpt-oss-20b", "--project", "Tilt", "--yes", code=3), place) == snapshot
    assert volta(place) == VOLTA
    (line,) = (place.folder / ".fleethub/history.ndjson").read_text().splitlines()
    assert '"refused": "node.owned"' in line
    place.run("assign", "volta", "gpt-oss-20b", "--project", "Tilt", "--dry-run", code=3)
    assert len((place.folder / ".fleethub/history.ndjson").read_text().splitlines()) == 1


def test_the_project_may_come_from_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--project Volta (or FLEETHUB_PROJECT)" in place.run("release", "volta", "-y", code=3)
    monkeypatch.setenv("FLEETHUB_PROJECT", "VOLTA")
    place.run("node", "set", "volta", "port=18790", "-y", code=0)
    assert volta(place) == VOLTA + "port = 18790\n"


def test_a_capacity_conflict_is_refused_with_the_sum_whatever_force_says(place: Place, snapshot: Any) -> None:
    out = place.run("assign", "volta", "gemma3-27b", "--project", "Tilt", "--force", "--yes", code=3)
    assert shown(out, place) == snapshot
    assert volta(place) == VOLTA


def test_a_dry_run_writes_nothing(place: Place) -> None:
    assert "A dry run" in place.run("release", "volta", "--project", "Volta", "--dry-run", code=0)
    assert volta(place) == VOLTA
    assert not (place.folder / ".fleethub/history.ndjson").exists()


def test_a_terminal_is_asked_and_without_one_it_is_refused(place: Place) -> None:
    command = ["assign", "volta", "gpt-oss-20b", "--project", "Volta"]
    code, screen = terminal(place, command, ("Write this to the spec?", "n"))
    assert (code, "Not written." in screen, volta(place)) == (0, True, VOLTA)
    code, screen = terminal(place, command, ("Write this to the spec?", "y"))
    assert code == 0, screen
    assert 'model = "gpt-oss-20b"' in volta(place)
    done = ended("-C", str(place.folder), "release", "volta", "--project", "Volta")
    assert done.returncode == 1
    assert "add --yes" in done.stderr
    assert 'model = "gpt-oss-20b"' in volta(place)


def test_machines_get_every_part_and_a_summary(place: Place) -> None:
    edit, *rest = place.json("assign", "volta", "gpt-oss-20b", "--project", "Volta", "--yes")
    assert (edit["type"], edit["action"], edit["files"]) == ("edit", "assign", ["nodes/volta.toml"])
    assert '+model = "gpt-oss-20b"' in edit["diff"]
    assert {line["type"] for line in rest[:-1]} >= {"change", "plan"}
    assert rest[-1] == {
        "type": "summary", "exit": 0, "written": True, "files": ["nodes/volta.toml"], "removed": [],
        "commit": "", "notes": [],
    }  # fmt: skip
    *_, finding, summary = place.json("release", "volta", "--project", "Tilt", "--yes")
    assert (finding["code"], summary["exit"], summary["written"]) == ("node.owned", 3, False)
    edit, *_, summary = place.json("assign", "volta", "gemma3-27b", "--project", "Volta", "--yes")
    assert (edit["conflicts"][0]["code"], summary["exit"]) == ("capacity.exceeded", 3)
    assert edit["conflicts"][0]["detail"]
    summary = json.loads(place.run("--json", "release", "nobody", "--yes").splitlines()[-1])
    assert summary["exit"] == 1
    assert "there is no node" in summary["error"]


@pytest.mark.parametrize("times", [1, 99])
def test_a_yes_beforehand_is_to_what_the_spec_says_when_its_turn_comes(
    place: Place, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    from fleethub.operations import edit as module
    from fleethub.operations.edit_write import TRIES

    real, overtaken = module.propose, 0

    def slow(*args: Any, **kwargs: Any) -> Any:
        nonlocal overtaken
        done = real(*args, **kwargs)
        if overtaken < times:
            overtaken += 1
            (place.folder / "nodes/volta.toml").write_text(f"{VOLTA}# while it was read {overtaken}\n")
        return done

    monkeypatch.setattr(module, "propose", slow)
    command = ("assign", "volta", "gpt-oss-20b", "--project", "Volta", "--yes")
    if times == 1:
        place.run(*command, code=0)
        assert volta(place).endswith("# while it was read 1\n")
        assert "gpt-oss-20b" in volta(place)
        return
    assert "do it again" in place.run(*command, code=4)
    assert overtaken == TRIES
    assert volta(place) == f"{VOLTA}# while it was read {TRIES}\n"


def test_another_form_is_named_with_its_line(place: Place) -> None:
    (place.folder / "nodes/volta.toml").write_text('[nodes]\nvolta.host = "volta"\nvolta.role = "worker"\n')
    out = place.run("assign", "volta", "gpt-oss-20b", "--yes", code=1)
    assert out.startswith("error: nodes/volta.toml:2:1: nodes.volta: it is written in a form that is not edited by")


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("port=abc", "nodes.volta.port must be a whole number"),
        ("port=99999", "nodes.volta.port must be 65535 or less"),
        ("colour=red", '"colour" is no key in nodes.volta'),
        ("image=not an image", "image must be a container image"),
        ("target=/etc", "target is outside the fleet's folder"),
        ('owner=a"b\nc', "nodes.volta.owner must be text"),
        ("fallbacks=[", "nodes.volta.fallbacks must be a list"),
        ("fallbacks=qwen3-32b,nope", 'there is no model "nope"'),
        ("env.T=hunter2", "must be a reference"),
        ("labels.x=sk-canary0123456789", "nodes.volta.labels.x holds a secret"),
        ("manage=half", "nodes.volta.manage must be"),
    ],
)
def test_the_schema_judges_what_is_set(place: Place, field: str, says: str) -> None:
    out = place.run("node", "set", "volta", field, "--project", "Volta", "--yes", code=3)
    assert says in out
    assert "Refused: the spec would not hold together" in out
    assert "canary" not in out
    assert "hunter2" not in out
    assert volta(place) == VOLTA


@pytest.mark.parametrize("name", ['x"\n[nodes.evil]', "$(touch evil)", "../evil", "-x", "sk-canary0123456789"])
def test_hostile_names_are_names_of_nothing(place: Place, name: str) -> None:
    before = place.bytes()
    for argv in (
        ["assign", "--", name, "big"],
        ["release", "--", name],
        ["node", "register", "--host", "h", "--", name],
    ):
        place.run(*argv, code=1)
        assert "canary" not in place.out
        assert place.out.count("\n") == 1
    assert place.bytes() == before


@pytest.mark.parametrize("fields", [["port"], ["=1"], ["port=1", "port=2"], []])
def test_fields_are_written_with_an_equals_sign(place: Place, fields: list[str]) -> None:
    place.run("node", "set", "volta", *fields, "--project", "Volta", "--yes", code=1)
    assert volta(place) == VOLTA


def test_fields_and_back(place: Place) -> None:
    fields = ["port=18790", "fallbacks=gpt-oss-20b", "labels.room=cellar", "protected=true", 'env.TZ={ value = "UTC" }']
    place.run("node", "set", "volta", *fields, "--project", "Volta", "--yes", code=0)
    added = 'port = 18790\nfallbacks = ["gpt-oss-20b"]\nprotected = true\nenv = { TZ = { value = "UTC" } }\n'
    assert volta(place) == VOLTA.replace('"A" }', '"A", room = "cellar"}') + added
    emptied = ["port=", "fallbacks=", "labels.room=", "protected=", "env.TZ="]
    place.run("node", "set", "volta", *emptied, "--project", "Volta", "--yes", code=0)
    assert 'labels = { pattern = "A"' in volta(place)
    assert volta(place).splitlines()[:5] == VOLTA.splitlines()[:5]
    assert len(volta(place).splitlines()) == len(VOLTA.splitlines())


def test_register_takes_in_what_is_there(place: Place, snapshot: Any) -> None:
    there = place.folder / "run/lima"
    (there / "state").mkdir(parents=True)
    (there / "docker-compose.yml").write_text(
        "services:\n  gw:\n    image: openclaw:qmd\n    environment: [K=hunter2]\n"
    )
    (there / ".env").write_text("OPENCLAW_IMAGE=openclaw:qmd\nTOKEN=hunter2\n")
    (there / "state/openclaw.json").write_text('{"gateway": {"auth": {"token": "hunter2"}}, // ours\n"models": {},}\n')
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in there.rglob("*") if p.is_file()}
    argv = ["node", "register", "lima", "--host", "lima", "--role", "worker", "--project", "Lima"]
    out = place.run(*argv, "--yes", code=0)
    assert shown(out, place) == snapshot
    assert "hunter2" not in out
    assert "node.target-taken" in out
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in there.rglob("*") if p.is_file()} == before
    assert 'files = { compose = "docker-compose.yml" }' in (place.folder / "nodes/lima.toml").read_text()
    assert "says so already" in place.run(*argv, code=0)
    located = [line for line in place.json(*argv) if line["type"] == "located"]
    assert [(line["role"], line["path"], line["state"]) for line in located] == [
        ("env", ".env", "found"),
        ("compose", "docker-compose.yml", "found"),
        ("openclaw", "state/openclaw.json", "found"),
    ]


def test_register_says_what_it_could_not_look_at(place: Place) -> None:
    argv = ["--host", "lima", "--role", "worker", "--dry-run"]
    (place.folder / "run").mkdir()
    (place.folder / "run/lima").write_text("a file, where a folder should be")
    out = place.run("node", "register", "lima", *argv, code=0)
    assert out.count("unknown: ") >= 3
    assert "is not a folder" in out
    out = place.run("node", "register", "kilo", *argv[2:], "--host", "kilo", code=0)
    assert "compose.yaml absent: none of compose.yaml, compose.yml" in out


def test_register_takes_given_places(place: Place) -> None:
    argv = ["node", "register", "lima", "--host", "lima", "--role", "worker", "--yes"]
    there = place.folder / "run/lima/etc"
    there.mkdir(parents=True)
    (there / "c.yml").write_text("services: {}\n")
    out = place.run(*argv, "--compose", str(there / "c.yml"), "--openclaw", "etc/o.json", code=0)
    assert "etc/o.json absent: it is not there" in out
    assert (
        'files = { compose = "etc/c.yml", openclaw = "etc/o.json" }' in (place.folder / "nodes/lima.toml").read_text()
    )
    out = place.run("node", "register", "kilo", *argv[3:], "--port", "1", "--env", "/etc/passwd", code=1)
    assert '"/etc/passwd" is not below the target' in out
    out = place.run("node", "register", "kilo", *argv[3:], "--port", "1", "--env", "../../x", code=3)
    assert "without .." in out


def test_nodes_models_and_roles_are_completed(place: Place) -> None:
    import os

    def completed(words: str) -> list[str]:
        env = {
            **os.environ,
            "_FLEETHUB_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split())),
        }
        done = ended(code="from fleethub.cli.group import cli; cli(prog_name='fleethub')", env=env)
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    base = f"fleethub -C {place.folder}"
    assert completed(f"{base} assign") == ["free", "volta"]
    assert completed(f"{base} assign volta") == ["gemma3-27b", "gpt-oss-20b", "qwen3-32b"]
    assert completed(f"{base} node register x --role") == ["worker"]
