"""Edits as a use-case: who may, what is refused, what is written, and that it is written onto what was shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fleethub.model.edit import EditError, NotCommitted, Proposal, SpecChanged
from fleethub.model.errors import SpecError
from fleethub.model.facts import Facts
from fleethub.operations.edit import Assign, EditInput, Register, Release, SetFields, propose
from fleethub.operations.edit_write import refuse, write
from fleethub.operations.workplace import Workplace
from fleethub.stores import history
from fleethub.stores.interface import LockedError
from fleethub.stores.lock import local_lock
from fleethub.views.edit import refusal_text
from tests.editing import SPEC, VOLTA
from tests.forked import ended
from tests.support import SEED, recorded

NOTHING_READ = Facts("2026-11-26T12:00:00+00:00")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-master-1234")
    folder = tmp_path / "fleet"
    (folder / "nodes").mkdir(parents=True)
    (folder / "fleet.toml").write_text(SPEC.format(url="http://127.0.0.1:9"))
    (folder / "nodes/volta.toml").write_text(VOLTA)
    (folder / "fleet.seed").write_text(SEED + "\n")
    (folder / "fleet.seed").chmod(0o600)
    return folder


@pytest.fixture
def git(fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {"HOME": str(tmp_path), "GIT_AUTHOR_NAME": "Ops", "GIT_AUTHOR_EMAIL": "ops@example"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ops")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ops@example")

    def run(*argv: str) -> str:
        done = subprocess.run(["git", "-C", str(fleet), *argv], capture_output=True, text=True, check=True)
        return done.stdout

    run("init", "--quiet")
    (fleet / ".gitignore").write_text(".fleethub/\n*.seed\nrun/\n")
    run("add", ".")
    run("commit", "--quiet", "-m", "first")
    return run


def ask(folder: Path, edit: Any, project: str = "Volta", force: bool = False) -> Proposal:
    """What the HTTP server does: judge with facts that it has."""
    return propose(folder, EditInput(edit, project, force, dry_run=True), NOTHING_READ).data


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.toml"))}


def lines(folder: Path) -> list[dict[str, Any]]:
    return history.read(folder / ".fleethub/history.ndjson")


def test_a_proposal_reads_nothing_where_facts_are_given_and_writes_nothing(fleet: Path) -> None:
    before = {str(p): p.stat().st_mtime_ns for p in fleet.rglob("*")}
    with recorded() as sent:
        found = ask(fleet, Assign("volta", "gpt-oss-20b"))
    assert sent == []
    assert {str(p): p.stat().st_mtime_ns for p in fleet.rglob("*")} == before
    assert not found.refused
    assert found.plan is not None
    assert found.plan.spec == found.after != found.before


def test_what_is_written_is_what_was_shown(fleet: Path) -> None:
    (fleet / "nodes/volta.toml").chmod(0o640)
    proposal = ask(fleet, Assign("volta", "gpt-oss-20b"))
    written = write(proposal)
    assert written.files == ("nodes/volta.toml",)
    assert (fleet / "nodes/volta.toml").read_text() == VOLTA + 'model = "gpt-oss-20b"\nfallbacks = []\n'
    assert (fleet / "nodes/volta.toml").stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in (fleet / "nodes").iterdir()) == ["volta.toml"]
    again = ask(fleet, Assign("volta", "gpt-oss-20b"))
    assert again.before == proposal.after == written.digest
    assert again.nothing
    assert write(again).files == ()
    (line,) = lines(fleet)
    assert line.pop("ts")
    assert line.pop("edit")
    assert "@" in line.pop("by")
    assert line == {
        "project": "Volta", "action": "assign", "address": "node.volta", "force": False, "displaced": "",
        "before": proposal.before, "after": proposal.after, "says": "assign gpt-oss-20b to volta", "commit": "",
    }  # fmt: skip


@pytest.mark.parametrize("project", ["Volta", "volta", "VOLTA", " Volta "])
def test_the_owner_edits_whatever_the_case(fleet: Path, project: str) -> None:
    assert not ask(fleet, SetFields("volta", {"port": 18790}), project).refused


@pytest.mark.parametrize(
    "edit", [Assign("volta", "gpt-oss-20b"), Release("volta"), SetFields("volta", {"port": 1}), Register("volta", {})]
)
@pytest.mark.parametrize(
    ("project", "says"), [("Tilt", 'belongs to Volta, not to "Tilt"'), ("", "no project is named")]
)
def test_nobody_else_edits_an_entry(fleet: Path, edit: Any, project: str, says: str) -> None:
    before = files(fleet)
    found = ask(fleet, edit, project)
    assert found.owned
    assert found.refused
    assert says in found.findings[0].message
    assert found.findings[0].place is not None
    assert "--project" in found.findings[0].hint or "--force" in found.findings[0].hint
    assert found.plan is None
    assert found.entry is not None
    assert (found.entry["owner"], found.entry["model"], found.entry["target"]) == ("Volta", "qwen3-32b", "run/volta")
    json.dumps(found.entry)
    with pytest.raises(ValueError, match="refused"):
        write(found)
    refuse(found)
    assert files(fleet) == before
    (line,) = lines(fleet)
    assert (line["refused"], line["owner"], line["project"]) == ("node.owned", "Volta", project)


def test_the_owners_other_projects_edit_too(fleet: Path) -> None:
    with (fleet / "nodes/volta.toml").open("a") as file:
        file.write('projects = ["RentalClaw-Project", "7"]\n')
    for project in ("rentalclaw project", "7", "VOLTA"):
        assert not ask(fleet, Assign("volta", "gpt-oss-20b"), project).refused
    for project in ("RentalClaw", "", "-"):
        assert ask(fleet, Assign("volta", "gpt-oss-20b"), project).owned
    for node in ("volta", "free"):  # a number that nobody knows the name of is none
        with pytest.raises(EditError, match="70 is the number of a project of TangleClaw's"):
            ask(fleet, Assign(node, "gpt-oss-20b"), "70")
    (fleet / "nodes/key.toml").write_text('[keys.people]\nowner = "70"\nmodels = ["gpt-oss-20b"]\n')
    assert not ask(fleet, Assign("free", "gpt-oss-20b"), "70").refused  # the spec knows it by that


def test_who_takes_over_is_spelled_as_the_spec_has_it(fleet: Path) -> None:
    with (fleet / "nodes/new.toml").open("w") as file:
        file.write('[nodes.new]\nhost = "new"\nrole = "worker"\nowner = "TiLT Claw"\n')
    taken = ask(fleet, Assign("volta", "gpt-oss-20b"), "tiltclaw", force=True)
    assert not taken.findings
    assert any('owner = "TiLT Claw"' in line for line in taken.diff)


def test_an_entry_without_an_owner_is_anybodys(fleet: Path) -> None:
    for project in ("", "Tilt"):
        assert not ask(fleet, Assign("free", "gpt-oss-20b"), project).refused


def test_force_takes_the_entry_over_and_is_remembered(fleet: Path) -> None:
    assert ask(fleet, Assign("volta", "gpt-oss-20b"), "", force=True).owned
    proposal = ask(fleet, Assign("volta", "gpt-oss-20b"), "Tilt", force=True)
    assert (proposal.displaced, proposal.refused) == ("Volta", False)
    assert proposal.entry is not None
    write(proposal)
    assert 'owner = "Tilt"\n' in (fleet / "nodes/volta.toml").read_text()
    (line,) = lines(fleet)
    assert (line["force"], line["displaced"], line["project"]) == (True, "Volta", "Tilt")
    assert ask(fleet, SetFields("volta", {"port": 1}), "Volta").owned
    released = ask(fleet, Release("volta"), "Volta", force=True)
    assert released.displaced == "Tilt"


def test_registering_is_idempotent_and_owns(fleet: Path) -> None:
    proposal = ask(fleet, Register("new", {"host": "n", "role": "worker"}), "Newcomer")
    assert proposal.action == "register"
    write(proposal)
    assert (fleet / "nodes/new.toml").read_text().endswith('owner = "Newcomer"\n')
    again = ask(fleet, Register("new", {"host": "n", "role": "worker"}), "newcomer")
    assert again.nothing
    assert ask(fleet, Register("new", {"host": "x"}), "Volta").owned


def test_capacity_that_the_edit_adds_refuses_it(fleet: Path) -> None:
    found = ask(fleet, Assign("volta", "gemma3-27b"))
    assert found.refused
    assert [f.code for f in found.conflicts] == ["capacity.exceeded"]
    assert any("40.0 GiB  gemma3-27b" in line for line in found.conflicts[0].detail)
    assert found.overcommit == "refuse-new"
    with pytest.raises(ValueError, match="refused"):
        write(found)
    forced = ask(fleet, Assign("volta", "gemma3-27b"), "Other", force=True)
    assert forced.conflicts  # force is about owners alone
    text = (fleet / "fleet.toml").read_text().replace("[policy]\n", '[policy]\novercommit = "warn"\n')
    (fleet / "fleet.toml").write_text(text)
    assert not ask(fleet, Assign("volta", "gemma3-27b")).refused


def test_capacity_that_was_lacking_before_does_not_refuse_another_edit(fleet: Path) -> None:
    text = (fleet / "fleet.toml").read_text()
    (fleet / "fleet.toml").write_text(text.replace('host = "free"\n', 'host = "free"\nmodel = "gemma3-27b"\n'))
    worse = propose(fleet, EditInput(SetFields("volta", {"port": 18790}), "Volta"), NOTHING_READ).data
    assert any(f.code == "capacity.exceeded" for f in worse.plan.findings)
    assert worse.conflicts == ()
    assert not worse.refused
    assert ask(fleet, Release("volta")).conflicts == ()


def test_a_spec_that_would_not_hold_together_is_refused_with_places(fleet: Path) -> None:
    found = ask(fleet, Assign("volta", "gtp-oss-20b"))
    assert [f.code for f in found.findings] == ["spec.reference"]
    assert str(found.findings[0].place) == "nodes/volta.toml:7:9"
    assert found.findings[0].hint == 'did you mean "gpt-oss-20b"?'
    assert (found.plan, found.diff, found.owned) == (None, (), False)
    refuse(found)
    assert lines(fleet) == []


def test_a_broken_spec_is_not_edited(fleet: Path) -> None:
    (fleet / "nodes/tilt.toml").write_text("[nodes.tilt]\nhost = 1\n")
    with pytest.raises(SpecError):
        ask(fleet, Assign("volta", "gpt-oss-20b"))


def test_a_protected_node_is_not_released(fleet: Path) -> None:
    write(ask(fleet, SetFields("volta", {"protected": True})))
    found = ask(fleet, Release("volta"))
    assert [f.code for f in found.findings] == ["resource.protected"]


SECRETS = ["sk-canary0123456789", "fhseed1_canary", "x sk-canary0123456789"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "field", ["owner", "labels.x", "env.T", "model", "image", "host", "target", "fallbacks", "role"]
)
def test_a_secret_is_refused_and_never_shown(fleet: Path, field: str, secret: str) -> None:
    before = files(fleet)
    value = [secret] if field == "fallbacks" else secret
    found = ask(fleet, SetFields("volta", {field: value}))
    assert "spec.literal-secret" in [f.code for f in found.findings]
    assert "canary" not in repr(found)
    other = ask(fleet, Assign("volta", secret), secret)
    refuse(other)
    assert "canary" not in repr(other) + (fleet / ".fleethub/history.ndjson").read_text()
    assert "canary" not in repr(ask(fleet, SetFields("volta", {f"labels.{secret}": "x", secret: "y"})))
    assert files(fleet) == before


def test_a_secret_in_a_comment_is_not_shown_in_the_diff(fleet: Path) -> None:
    (fleet / "nodes/volta.toml").write_text(VOLTA + "# sk-canary0123456789 \x1b[31m\n".replace("\x1b", "\u009b"))
    found = ask(fleet, SetFields("volta", {"port": 18790}))
    assert any("(sensitive)" in line for line in found.diff)
    assert "canary" not in repr(found.diff)
    assert all(line.isprintable() for line in found.diff)


@pytest.mark.parametrize("project", ["a\nb", "\x1b[31m", "x" * 129])
def test_a_project_is_one_line(fleet: Path, project: str) -> None:
    with pytest.raises(EditError) as error:
        ask(fleet, Assign("volta", "gpt-oss-20b"), project)
    assert error.value.code == "bad-project"


def test_a_spec_that_changed_meanwhile_is_not_written_over(fleet: Path) -> None:
    proposal = ask(fleet, Release("volta"))
    (fleet / "fleet.toml").write_text((fleet / "fleet.toml").read_text() + "# somebody's remark\n")
    before = files(fleet)
    with pytest.raises(SpecChanged):
        write(proposal)
    assert files(fleet) == before
    assert lines(fleet) == []


def test_a_file_that_came_meanwhile_is_not_written_over(fleet: Path) -> None:
    (fleet / "fleet.toml").write_text(
        (fleet / "fleet.toml").read_text().replace('"nodes/*.toml"', '"nodes/[v-z]*.toml"')
    )
    proposal = ask(fleet, Register("zeta", {"host": "z", "role": "worker"}))
    assert list(proposal.files) == ["nodes/zeta.toml"]
    (fleet / "nodes/zeta.toml").mkdir()  # no file of the spec, so its digest does not tell
    with pytest.raises(SpecChanged, match="is there already"):
        write(proposal)


def test_of_two_edits_at_once_one_waits(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleethub.operations import edit_write

    monkeypatch.setattr(edit_write, "WAIT", 0)
    proposal = ask(fleet, Release("volta"))
    with local_lock(fleet / ".fleethub/edit.lock", "edit"), pytest.raises(LockedError):
        write(proposal)
    assert (fleet / "nodes/volta.toml").exists()
    write(proposal)
    assert not (fleet / "nodes/volta.toml").exists()
    assert "keys.volta" not in (fleet / "fleet.toml").read_text()


def test_what_cannot_be_written_whole_is_put_back(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fleethub.operations import edit_write as module

    proposal = ask(fleet, Release("volta"))
    before, real = files(fleet), module.write_file

    def full(path: Path, data: bytes, mode: int) -> None:
        if path.name == "fleet.toml":
            raise OSError(28, "No space left on device", str(path))
        real(path, data, mode)

    monkeypatch.setattr(module, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        write(proposal)
    assert files(fleet) == before


def test_a_file_whose_name_does_not_come_to_disk_is_put_back(fleet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal, before, fsync, failed = ask(fleet, Assign("volta", "gpt-oss-20b")), files(fleet), os.fsync, []

    def loses_once(descriptor: int) -> None:
        if not failed and os.path.samestat(os.fstat(descriptor), (fleet / "nodes").stat()):
            failed.append(files(fleet))
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", loses_once)
    with pytest.raises(OSError, match="Input/output"):
        write(proposal)
    assert failed[0] != before, "it was there"
    assert files(fleet) == before
    write(ask(fleet, Assign("volta", "gpt-oss-20b")))


def test_what_cannot_be_recorded_is_not_written(fleet: Path) -> None:
    proposal = ask(fleet, Release("volta"))
    (fleet / ".fleethub/history.ndjson").mkdir(parents=True)
    before = files(fleet)
    with pytest.raises(IsADirectoryError):
        write(proposal)
    assert files(fleet) == before


@pytest.mark.parametrize("edit", [Assign("volta", "gpt-oss-20b"), Release("volta")])
def test_what_the_disk_has_no_room_to_record_is_put_back(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, edit: Assign | Release
) -> None:
    def full(self: history.History, line: object) -> None:
        raise OSError(28, "No space left on device")

    proposal, before = ask(fleet, edit), files(fleet)
    assert proposal.files
    monkeypatch.setattr(history.History, "append", full)
    with pytest.raises(OSError, match="No space"):
        write(proposal)
    assert files(fleet) == before


def test_without_a_plan_nothing_is_written(fleet: Path) -> None:
    """What an edit would do is not known where another fleet's seed lies."""
    (fleet / "fleet.seed").write_text("fhseed1_short\n")
    found = ask(fleet, Assign("volta", "gpt-oss-20b"))
    assert found.plan is not None
    assert [f.code for f in found.plan.findings] == ["seed.malformed"]
    assert found.refused
    with pytest.raises(ValueError, match="refused"):
        write(found)


def test_line_ends_of_windows_stay(fleet: Path) -> None:
    (fleet / "nodes/volta.toml").write_bytes(VOLTA.replace("\n", "\r\n").encode())
    write(ask(fleet, Assign("volta", "gpt-oss-20b")))
    want = VOLTA + 'model = "gpt-oss-20b"\nfallbacks = []\n'
    assert (fleet / "nodes/volta.toml").read_bytes() == want.replace("\n", "\r\n").encode()


def test_a_commit_has_the_edit_and_nothing_else(fleet: Path, git: Any) -> None:
    (fleet / "notes.txt").write_text("another session's\n")
    git("add", "notes.txt")
    (fleet / "fleet.toml").write_text((fleet / "fleet.toml").read_text() + "# not yet committed\n")
    written = write(ask(fleet, Register("new", {"host": "n", "role": "worker"}), "Me"), commit=True)
    assert written.notes == ()
    assert git("rev-parse", "--short=12", "HEAD").strip() == written.commit
    assert git("show", "--stat", "--format=%s", "HEAD").split("\n")[0] == "fleethub: register new"
    assert git("show", "--name-only", "--format=", "HEAD").split() == ["nodes/new.toml"]
    assert git("status", "--porcelain").splitlines() == [" M fleet.toml", "A  notes.txt"]
    written = write(ask(fleet, Release("volta")), commit=True)
    assert git("show", "--name-status", "--format=", "HEAD").split() == ["M", "fleet.toml", "D", "nodes/volta.toml"]
    assert written.notes == ("fleet.toml had changes that were not committed; the commit takes them along",)
    assert git("status", "--porcelain").splitlines() == ["A  notes.txt"]
    assert [line["commit"] for line in lines(fleet)][1] == written.commit


def test_a_commit_that_fails_says_that_the_spec_is_edited(fleet: Path, git: Any) -> None:
    hook = fleet / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no such commits here >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(NotCommitted, match=r"IS edited \(nodes/new.toml\).*no such commits here"):
        write(ask(fleet, Register("new", {"host": "n", "role": "worker"})), commit=True)
    assert (fleet / "nodes/new.toml").exists()
    assert git("status", "--porcelain").splitlines() == ["?? nodes/new.toml"]
    assert lines(fleet)[0]["commit"] == ""


def test_without_git_a_commit_is_no_edit_lost(fleet: Path) -> None:
    with pytest.raises(NotCommitted, match="in no git work tree"):
        write(ask(fleet, Assign("volta", "gpt-oss-20b")), commit=True)
    assert "gpt-oss-20b" in (fleet / "nodes/volta.toml").read_text()


def test_the_key_of_another_is_not_taken_by_the_back_door(fleet: Path) -> None:
    with (fleet / "fleet.toml").open("a") as file:
        file.write('[keys.webui]\nowner = "Web"\nmodels = ["qwen3-32b"]\n')
    took = ask(fleet, SetFields("free", {"key": "volta"}), "Tilt")
    assert took.owned
    assert "the key volta belongs to Volta" in took.findings[0].message
    assert took.entry is not None
    assert took.entry["node"] == "volta"
    new = ask(fleet, Register("new", {"host": "new", "role": "worker", "key": "webui"}), "Tilt")
    assert new.owned
    assert (new.entry or {})["owner"] == "Web"
    assert not ask(fleet, SetFields("free", {"key": "volta"}), "VOLTA").refused
    forced = ask(fleet, SetFields("free", {"key": "volta"}), "Tilt", force=True)
    assert (forced.refused, forced.displaced) == (False, "Volta")
    assert not any("owner" in line for line in forced.diff), "the node was nobody's, and stays so"


def test_releasing_a_node_leaves_the_key_of_another(fleet: Path) -> None:
    text = (fleet / "fleet.toml").read_text()
    (fleet / "fleet.toml").write_text(text.replace("rpm = 60", 'rpm = 60\nowner = "Billing"'))
    found = ask(fleet, Release("volta"))
    assert any("stays: it belongs to Billing" in note for note in found.notes)
    assert list(found.files) == ["nodes/volta.toml"]


@pytest.mark.parametrize(
    ("owner", "project", "may"),
    [
        (" Volta ", "volta", True),
        ("M\u00fcller", "mu\u0308ller", True),
        ("Volta", "V\u043elta", False),  # a Cyrillic o
    ],
)
def test_an_owner_is_known_however_the_name_is_typed(fleet: Path, owner: str, project: str, may: bool) -> None:
    text = (fleet / "nodes/volta.toml").read_text()
    (fleet / "nodes/volta.toml").write_text(text.replace('"Volta"', f'"{owner}"'))
    assert ask(fleet, SetFields("volta", {"port": 18790}), project).owned is not may


KILLED = """
import os, signal, sys
from pathlib import Path
from fleethub.model.facts import Facts
from fleethub.stores import history
from fleethub.operations import edit, edit_write
def dies(*args): os.kill(os.getpid(), signal.SIGKILL)
folder, at = Path(sys.argv[1]), sys.argv[2]
proposal = edit.propose(
    folder, edit.EditInput(edit.Assign("volta", "gpt-oss-20b"), "Volta"), Facts("2026-11-26T12:00:00+00:00")
).data
original = history.History.append
def late(self, line):
    original(self, line)
    dies()
if at == "before the spec": edit_write._put = dies
if at == "before the history": history.History.append = dies
if at == "after the history": history.History.append = late
edit_write.write(proposal, by="ops@there")
"""


@pytest.mark.parametrize("at", ["before the spec", "before the history", "after the history"])
@pytest.mark.parametrize("then", ["a plan", "an edit"])
def test_an_edit_that_is_killed_is_in_the_history_when_it_is_in_the_spec(fleet: Path, at: str, then: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    before = files(fleet)
    assert ended(str(fleet), at, code=KILLED, env=env).returncode == -signal.SIGKILL
    assert (files(fleet) == before) is (at == "before the spec")
    if then == "a plan":
        Workplace(fleet)
    else:
        write(ask(fleet, SetFields("volta", {"port": 18790})))
    found = [line for line in lines(fleet) if line["action"] == "assign"]
    assert len(found) == (0 if at == "before the spec" else 1)
    for line in found:
        assert (line["by"], line["project"], line["address"]) == ("ops@there", "Volta", "node.volta")
        assert line["before"] != line["after"]
        assert line.get("broken_off") == ("recorded later" if at == "before the history" else None)
    assert not (fleet / ".fleethub/edit.json").exists()
    Workplace(fleet)
    assert len(lines(fleet)) == len(found) + (then == "an edit")


def test_an_edit_that_the_fleets_own_checks_do_not_allow(fleet: Path) -> None:
    """Those that it brings refuse it; what was so before does not."""
    spec = fleet / "fleet.toml"
    was = "node.primary.model != 'gpt-oss-20b'"
    spec.write_text(
        spec.read_text()
        + f"\n[[check]]\nname = 'small'\nfor = 'node'\nexpression = \"{was}\"\nmessage = 'not that one'\n"
        + "\n[[check]]\nname = 'never'\nfor = 'fleet'\nexpression = 'false'\nmessage = 'was so'\n"
    )
    refused = ask(fleet, Assign("volta", "gpt-oss-20b"))
    assert refused.refused
    assert [(f.code, str(f.address)) for f in refused.findings] == [("check.small", "node.volta")]
    assert "own checks do not allow it" in refusal_text(refused)
    assert not ask(fleet, SetFields("volta", {"labels.a": "b"})).refused
