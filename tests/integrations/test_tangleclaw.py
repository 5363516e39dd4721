"""Registering with a TangleClaw of either generation: typed steps, again is fine, only ours is taken back."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.integrations.tangleclaw import operation as use
from fleethub.integrations.tangleclaw import rules
from fleethub.integrations.tangleclaw.access import BASE, Access, Unusable, access
from fleethub.integrations.tangleclaw.audience import GAP
from fleethub.integrations.tangleclaw.documents import description
from fleethub.integrations.tangleclaw.projects import name_of
from fleethub.integrations.tangleclaw.result import Binding, NotifyResult, StepOutcome, TangleClawReport
from fleethub.integrations.tangleclaw.shared_document import SharedDocument, SharedDocumentError
from fleethub.model.secret import SecretRef
from fleethub.testing.server import Record
from fleethub.testing.tangleclaw import Group, Project, Rule, TangleClaw
from tests.fleets import fleet

TOKEN = "tcsk_" + "Canary7" * 6 + "z"
PROJECTS = (Project(7, "alpha", listening=True), Project(8, "beta", listening=True))
PANE = Binding("7", "L1")
REGISTERED, ALREADY, SKIPPED = StepOutcome.REGISTERED, StepOutcome.ALREADY, StepOutcome.SKIPPED


@pytest.fixture
def server() -> Iterator[TangleClaw]:
    with TangleClaw(projects=PROJECTS) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "fleet.toml").write_text("")
    (folder / "FLEETHUB.md").write_text("# Inference fleet")
    return folder


def outcomes(report: TangleClawReport) -> dict[str, StepOutcome]:
    """Of the steps; who sees the document is a matter of its own: see ``audience``."""
    return {step.name: step.outcome for step in report.steps if step.name != "audience"}


def audience(report: TangleClawReport) -> str:
    return next(step.detail for step in report.steps if step.name == "audience")


def record(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / ".fleethub/tangleclaw.json").read_text())
    return found


def test_register_makes_everything_once(server: TangleClaw, root: Path) -> None:
    access = Access(server.url)
    first = use.register_document(root, access, members=("7", "8"))
    assert first.fine
    steps = {"group": REGISTERED, "member 7": REGISTERED, "member 8": REGISTERED, "document": REGISTERED}
    assert outcomes(first) == {**steps, "description": REGISTERED}
    (group,), (document,) = server.state.groups.values(), server.state.documents.values()
    assert (group.name, group.shared_dir, group.members) == ("AI Inference", str(root), {7, 8})
    assert (document.name, document.path) == ("FLEETHUB", str(root / "FLEETHUB.md"))
    assert (document.inject, document.mode, document.description) == (True, "reference", description(root))
    again = use.register_document(root, access)
    assert outcomes(again) == {"group": ALREADY, "document": ALREADY, "description": ALREADY}
    assert len(server.state.documents) == 1
    assert record(root) == {
        "base": server.url,
        "group": group.id,
        "document": document.id,
        "path": document.path,
        "token": None,
        "ca": None,
        "projects": {"7": "alpha", "8": "beta"},
    }


def test_what_tangleclaw_found_by_itself_is_taken_and_described(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url), members=("7",))
    server.state.documents.clear()
    server.launch(7)
    report = use.register_document(root, Access(server.url))
    assert outcomes(report) == {"group": ALREADY, "document": ALREADY, "description": REGISTERED}
    (document,) = server.state.documents.values()
    assert document.description == description(root)
    server.launch(7)
    assert len(server.state.documents) == 1


def test_a_shared_directory_by_another_path_is_the_same_and_makes_no_second_document(
    server: TangleClaw, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(root)
    use.register_document(root, Access(server.url), members=("7",))
    (group,) = server.state.groups.values()
    server.state.documents.clear()
    group.shared_dir = f"{tmp_path}/link/"
    assert use.register_document(root, Access(server.url)).fine
    server.launch(7)
    (document,) = server.state.documents.values()
    assert document.path == f"{tmp_path}/link/FLEETHUB.md"


@pytest.mark.parametrize("shared", ["/somewhere/else", None])
def test_a_group_with_another_directory_is_never_repointed(server: TangleClaw, root: Path, shared: str | None) -> None:
    use.register_document(root, Access(server.url))
    (group,) = server.state.groups.values()
    server.state.documents.clear()
    group.shared_dir = shared
    report = use.register_document(root, Access(server.url))
    assert report.fine
    assert "keeps to that" in report.steps[0].detail
    assert group.shared_dir == shared
    (document,) = server.state.documents.values()
    assert document.path == str(root / "FLEETHUB.md")


def test_a_group_of_the_same_name_in_another_case_is_that_group(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url), "ai inference")
    assert outcomes(use.register_document(root, Access(server.url)))["group"] is ALREADY
    assert len(server.state.groups) == 1


def test_without_the_file_nothing_is_registered_and_apply_is_named(server: TangleClaw, root: Path) -> None:
    (root / "FLEETHUB.md").unlink()
    report = use.register_document(root, Access(server.url))
    assert not report.fine
    assert outcomes(report) == {"group": REGISTERED, "document": StepOutcome.MISSING, "description": SKIPPED}
    assert "fleethub apply" in report.steps[1].hint
    assert server.state.documents == {}
    assert any("fleethub apply" in note for note in use.document_status(root, Access(server.url)).notes)


def test_a_member_that_is_no_project_is_refused_and_the_rest_goes_on(server: TangleClaw, root: Path) -> None:
    report = use.register_document(root, Access(server.url), members=("99", "7"))
    assert not report.fine
    assert outcomes(report)["member 99"] is StepOutcome.REFUSED
    assert report.steps[1].code == "NOT_FOUND"
    assert outcomes(report)["document"] is REGISTERED
    assert next(iter(server.state.groups.values())).members == {7}


def test_a_race_for_the_group_and_the_document_is_no_conflict(server: TangleClaw, root: Path) -> None:
    other: list[TangleClawReport] = []

    def race(made: Record) -> None:
        if made.method == "POST" and not other:
            other.append(TangleClawReport("", ()))
            other[0] = use.register_document(root, Access(server.url))

    server.before = race
    report = use.register_document(root, Access(server.url))
    assert report.fine
    assert outcomes(report) == {"group": ALREADY, "document": ALREADY, "description": ALREADY}
    assert (len(server.state.groups), len(server.state.documents)) == (1, 1)


def test_a_second_group_is_pointed_out(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url))
    report = use.register_document(root, Access(server.url), "Elsewhere")
    assert report.fine
    assert any("stays there" in note for note in report.notes)
    assert len(server.state.documents) == 2


def test_other_documents_of_the_folder_are_pointed_out(server: TangleClaw, root: Path) -> None:
    (root / "README.md").write_text("")
    report = use.register_document(root, Access(server.url))
    assert any("README.md" in note for note in report.notes)
    assert not any("FLEETHUB.md too" in note for note in report.notes)


def test_a_dead_server_costs_one_attempt(server: TangleClaw, root: Path) -> None:
    server.stop()
    report = use.register_document(root, Access(server.url), members=("7",))
    assert outcomes(report) == {
        "group": StepOutcome.UNREACHABLE, "member 7": SKIPPED, "document": SKIPPED, "description": SKIPPED,
    }  # fmt: skip
    assert server.url in report.steps[0].hint
    assert not (root / ".fleethub").exists()


def test_one_that_dies_half_way_is_not_asked_again(server: TangleClaw, root: Path) -> None:
    def die(made: Record) -> None:
        if made.path.endswith("/members"):
            raise ConnectionError

    server.before = die
    report = use.register_document(root, Access(server.url), members=("7", "8"))
    assert outcomes(report)["member 7"] is StepOutcome.UNREACHABLE
    assert outcomes(report)["member 8"] is outcomes(report)["document"] is SKIPPED
    assert len(server.requests) == 3


def test_the_gate_wants_a_token_and_the_reference_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TangleClaw(token=TOKEN) as server:
        closed = use.register_document(root, Access(server.url))
        assert outcomes(closed) == {"group": REGISTERED, "document": StepOutcome.AUTH_REQUIRED, "description": SKIPPED}
        assert "--token" in closed.steps[1].hint
        ref = SecretRef(("env:TC_TOKEN",))
        unset = use.register_document(root, Access(server.url, ref))
        assert outcomes(unset) == {"token": StepOutcome.AUTH_REQUIRED}
        assert "env:TC_TOKEN is not set" in unset.steps[0].detail
        monkeypatch.setenv("TC_TOKEN", TOKEN)
        assert use.register_document(root, Access(server.url, ref)).fine
        assert record(root)["token"] == {"alternatives": ["env:TC_TOKEN"]}
        assert use.document_status(root, Access()).fine
        assert use.notify(root) == NotifyResult(REGISTERED, sessions=0)
        monkeypatch.setenv("TC_TOKEN", "tcsk_other")
        assert use.notify(root).outcome is StepOutcome.AUTH_REQUIRED
        monkeypatch.setenv("TC_TOKEN", TOKEN)
        assert use.unregister_document(root, Access()).fine
        paths = {made.path for made in server.requests}
    assert not paths & {"/api/service-token", "/api/openclaw/connections"}


def test_a_token_goes_only_where_it_was_given_for(
    server: TangleClaw, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TC_TOKEN", TOKEN)
    use.register_document(root, Access(server.url, SecretRef(("env:TC_TOKEN",))))
    sent: list[str] = []
    with TangleClaw() as other:
        answer = other.serve
        other.serve = lambda request: sent.append(request.headers.get("authorization", "")) or answer(request)  # type: ignore[method-assign, func-returns-value]
        moved = use.register_document(root, Access(other.url))
        assert moved.fine
        assert any(server.url in note for note in moved.notes)
        use.document_status(root, Access(other.url))
    assert set(sent) == {""}
    assert record(root)["token"] is None


def test_newer_ones_outside_a_pane(root: Path) -> None:
    with TangleClaw("newer", projects=PROJECTS, launches=[("7", "L1")]) as server:
        report = use.register_document(root, Access(server.url), members=("7",))
        assert outcomes(report)["group"] is StepOutcome.BINDING_REQUIRED
        assert report.steps[0].code == "SHARED_DOCS_BINDING_REQUIRED"
        assert "TANGLECLAW_LAUNCH_ID" in report.steps[0].hint
        assert str(root) in report.steps[0].hint
        assert any("works without it" in note for note in report.notes)
        assert len(server.requests) == 1
        operator = Group("AI Inference", None, str(root), members={7})
        server.state.groups[operator.id] = operator
        server.launch(7)
        assert [document.path for document in server.state.documents.values()] == [str(root / "FLEETHUB.md")]


def test_newer_ones_in_a_pane(root: Path) -> None:
    with TangleClaw("newer", projects=PROJECTS, launches=[("7", "L1")]) as server:
        access = Access(server.url, binding=PANE)
        assert use.register_document(root, access, members=("7",)).fine
        (document,) = server.state.documents.values()
        assert document.description == description(root)
        assert use.notify(root, PANE) == NotifyResult(REGISTERED, sessions=1)
        assert use.notify(root).outcome is StepOutcome.BINDING_REQUIRED
        kept = use.unregister_document(root, access)
        assert (kept.steps[0].outcome, kept.steps[0].code) == (StepOutcome.REFUSED, "OPERATOR_ONLY")
        assert "only the operator may" in kept.steps[0].hint
        assert record(root)["document"] == document.id
        document.description = None
        report = use.register_document(root, access)
        assert report.steps[-2].code == "OPERATOR_ONLY"
        assert not report.fine


def test_status(server: TangleClaw, root: Path) -> None:
    before = use.document_status(root, Access(server.url))
    assert outcomes(before) == {"group": StepOutcome.MISSING, "document": SKIPPED}
    use.register_document(root, Access(server.url), members=("7",))
    after = use.document_status(root, Access())
    assert (after.base, outcomes(after)) == (server.url, {"group": REGISTERED, "document": REGISTERED})
    assert audience(after) == "1 member, 1 session live"
    next(iter(server.state.documents.values())).description = "x"
    assert "another description" in use.document_status(root, Access()).steps[1].detail
    server.state.documents.clear()
    assert outcomes(use.document_status(root, Access()))["document"] is StepOutcome.MISSING
    reads = len(server.writes)
    use.document_status(root, Access())
    assert len(server.writes) == reads


def test_unregister_takes_only_ours(server: TangleClaw, root: Path) -> None:
    assert use.unregister_document(root, Access(server.url)).steps[0].detail == "nothing was registered from this clone"
    use.register_document(root, Access(server.url))
    (document,) = server.state.documents.values()
    document.path = "/somebody/else.md"
    refused = use.unregister_document(root, Access())
    assert (refused.steps[0].outcome, refused.steps[0].code) == (StepOutcome.REFUSED, "NOT_OURS")
    assert server.state.documents
    document.path = str(root / "FLEETHUB.md")
    assert use.unregister_document(root, Access()).fine
    assert server.state.documents == {}
    assert server.state.groups
    assert (root / "FLEETHUB.md").exists()
    assert (record(root)["base"], record(root)["document"]) == (server.url, "")
    assert use.notify(root) == NotifyResult(None)
    assert use.register_document(root, Access()).base == server.url


def test_profiles_are_the_specs_and_not_taken_back_with_the_document(server: TangleClaw, root: Path) -> None:
    spec = fleet().node("sessions", "one", type="tangleclaw", target="~/.tangleclaw", image=None)
    (root / "fleet.toml").write_text(spec.text)
    stay = "the profiles of node sessions stay, with their key: fleethub release sessions, then fleethub apply"
    assert [stay in note for note in use.unregister_document(root, Access(server.url)).notes] == [True]
    made = use.register_document(root, access(server.url, None, {"TANGLECLAW_HOME": "/srv/tc"}))
    told = [note for note in made.notes if "TANGLECLAW_HOME is /srv/tc here" in note]
    assert [note.partition(": ")[2] for note in told] == [
        'write target = "/srv/tc" in [nodes.sessions], or unset it if ~/.tangleclaw is right'
    ]
    (root / "fleet.toml").write_text(spec.table("nodes.sessions", target="/srv/tc").text)
    seen = use.document_status(root, access(server.url, None, {"TANGLECLAW_HOME": "/srv/tc"}))
    assert not any("TANGLECLAW_HOME" in note for note in seen.notes)
    assert any(stay in note for note in use.unregister_document(root, Access()).notes)


def test_unregister_when_it_is_gone_or_nobody_answers(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url))
    server.state.documents.clear()
    assert use.unregister_document(root, Access()).steps[0].detail == "it was gone already"
    use.register_document(root, Access(server.url))
    server.stop()
    assert outcomes(use.unregister_document(root, Access())) == {"document": StepOutcome.UNREACHABLE}
    assert (root / ".fleethub/tangleclaw.json").exists()


def test_notify(server: TangleClaw, root: Path) -> None:
    assert use.notify(root) == NotifyResult(None)
    use.register_document(root, Access(server.url), members=("7", "8"))
    assert server.state.notified == []  # sessions hear of changes; a registration is none
    told = use.notify(root)
    assert told == NotifyResult(REGISTERED, sessions=2)
    assert "2 live sessions" in told.note()
    server.state.documents.clear()
    assert use.notify(root).outcome is StepOutcome.REFUSED
    server.stop()
    gone = use.notify(root)
    assert gone.outcome is StepOutcome.UNREACHABLE
    assert "was not told" in gone.note()


def test_notify_never_raises_and_never_waits_long(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        private = root / ".fleethub"
        base = f"http://127.0.0.1:{mute.getsockname()[1]}"
        kept(private, SharedDocument(base, "g", "d", "/p"))
        assert use.notify(root, seconds=0.3).outcome is StepOutcome.UNREACHABLE
        over = root / "over"
        kept(private, SharedDocument(base, "g", "d", "/p", SecretRef((f"command:sh -c 'sleep 120; touch {over}'",))))
        assert use.notify(root, seconds=0.3).outcome is StepOutcome.UNREACHABLE
        assert not over.exists()
    (private / "tangleclaw.json").write_text("[]")
    assert use.notify(root).outcome is StepOutcome.REFUSED


def kept(private: Path, registration: SharedDocument) -> None:
    from fleethub.integrations.tangleclaw import shared_document

    shared_document.write(private, registration)


def test_a_record_that_cannot_be_read_is_said(root: Path) -> None:
    (root / ".fleethub").mkdir()
    for text in ("", "{}", '{"base": 1, "group": "", "document": "", "path": ""}', '{"token": 3}'):
        (root / ".fleethub/tangleclaw.json").write_text(text)
        with pytest.raises(SharedDocumentError, match="remove it and register again"):
            use.document_status(root, Access())


def test_the_environment_says_where_and_from_which_pane() -> None:
    environ = {"TANGLECLAW_API": "http://tc:3102/", "TANGLECLAW_PROJECT_ID": "7", "TANGLECLAW_LAUNCH_ID": "L1"}
    assert access(None, None, environ) == Access(default="http://tc:3102", binding=PANE)
    del environ["TANGLECLAW_LAUNCH_ID"]
    assert access("http://x:1", "env:A", environ) == Access("http://x:1", SecretRef(("env:A",)), "http://tc:3102")


@pytest.mark.parametrize("base", ["", "localhost:3101", f"http://u:{TOKEN}@tc", f"http://tc/?{TOKEN}", "file:///x"])
def test_a_wrong_url_is_said_without_what_it_holds(base: str) -> None:
    with pytest.raises(Unusable) as caught:
        access(base, None, {})
    assert "--api" in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", ["", TOKEN, "env:", "env:A B", f"bearer:{TOKEN}"])
def test_a_token_itself_is_refused_and_not_said(token: str) -> None:
    with pytest.raises(Unusable) as caught:
        access(None, token, {})
    assert "--token" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_the_operators_own_group_is_found_by_its_directory_and_stays_it_when_it_is_renamed(
    server: TangleClaw, root: Path
) -> None:
    theirs = Group("My Infra", None, str(root), members={7, 8})
    other = Group("AI Inference", None, f"/elsewhere/{root.name}")
    server.state.groups |= {theirs.id: theirs, other.id: other}
    first = use.register_document(root, Access(server.url))
    assert first.fine
    assert first.steps[0].detail == f"My Infra, which shares {root}"
    assert audience(first) == "2 members, 2 sessions live"
    theirs.name, theirs.shared_dir = "Infrastructure", "/moved/on"
    again = use.register_document(root, Access())
    assert (again.fine, record(root)["group"]) == (True, theirs.id)
    assert "registered with it before" in again.steps[0].detail
    assert use.document_status(root, Access()).steps[0].detail.startswith("Infrastructure")
    assert len(server.state.groups) == 2
    assert use.notify(root) == NotifyResult(REGISTERED, sessions=2)


def test_of_two_groups_that_share_the_folder_one_is_taken_and_the_other_told(server: TangleClaw, root: Path) -> None:
    for name in ("Two", "One"):
        group = Group(name, None, str(root))
        server.state.groups[group.id] = group
    report = use.register_document(root, Access(server.url))
    assert report.steps[0].detail == f"One, which shares {root}; Two shares it too: --group names another"
    assert use.register_document(root, Access(), "Two").steps[0].detail.startswith("Two, ")
    assert use.register_document(root, Access()).steps[0].detail.startswith("Two, ")


def test_nobody_sees_what_a_group_without_members_has(server: TangleClaw, root: Path) -> None:
    report = use.register_document(root, Access(server.url))
    assert (report.fine, audience(report)) == (True, "0 members; nobody sees it")
    assert "--member NAME" in report.steps[-1].hint


def test_members_by_name_and_sessions_that_cannot_be_told(root: Path) -> None:
    projects = (
        Project(3, "TiLT Claw", live=None),
        Project(4, "Volta"),
        Project(5, "volta-"),
        Project(None, "Folder"),
    )
    with TangleClaw(projects=projects) as server:
        asked = ("tiltclaw", "Volta", "VOLTA", "Folder", "Nobody")
        report = use.register_document(root, Access(server.url), members=asked)
        steps = {step.name: step for step in report.steps}
        assert steps["member tiltclaw"].outcome is steps["member Volta"].outcome is REGISTERED
        assert steps["member VOLTA"].detail == "several projects are called so"
        assert steps["member Folder"].detail == "it is a folder that is no project of TangleClaw's yet"
        assert steps["member Nobody"].hint == "projects: TiLT Claw, Volta, volta-"
        (group,) = server.state.groups.values()
        assert group.members == {3, 4}
        assert audience(report) == "2 members, 0 sessions live, of 1 more it is not known"


def test_whose_claude_md_has_it_is_looked_at(root: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    projects = [Project(n, f.name, str(f)) for n, f in enumerate(folders, 1)]
    with TangleClaw(projects=projects) as server:
        report = use.register_document(root, Access(server.url), members=("1", "2"))
        assert any(n.startswith("FLEETHUB stands in the CLAUDE.md of no member that is on this") for n in report.notes)
        assert any(GAP in note for note in report.notes)
        (folders[0] / "CLAUDE.md").write_text("- **FLEETHUB**: `~/fleet/FLEETHUB.md`")
        assert any("only of one." in note for note in use.document_status(root, Access()).notes)
        (folders[1] / "CLAUDE.md").write_text("- **FLEETHUB**: `~/fleet/FLEETHUB.md`")
        assert not any(GAP in note for note in use.document_status(root, Access()).notes)


def test_two_fleets_in_one_group_have_two_names_and_descriptions(server: TangleClaw, tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    for root in roots:
        root.mkdir()
        (root / "fleet.toml").write_text(f'[fleet]\nname = "{root.name}-fleet"\n')
        (root / "FLEETHUB.md").write_text("# Inference fleet")
        assert use.register_document(root, Access(server.url), "AI Inference").fine
    found = {document.name: document.description or "" for document in server.state.documents.values()}
    assert list(found) == ["FLEETHUB", "FLEETHUB-two-fleet"]
    assert "inference fleet one-fleet (" in found["FLEETHUB"]
    assert "inference fleet two-fleet (" in found["FLEETHUB-two-fleet"]
    for document in server.state.documents.values():  # as an earlier version left it
        document.name = "FLEETHUB"
    assert use.register_document(roots[1], Access()).fine
    assert [document.name for document in server.state.documents.values()] == ["FLEETHUB", "FLEETHUB-two-fleet"]


def test_a_lock_is_shown(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url))
    (document,) = server.state.documents.values()
    document.lock = {"lockedBySession": "s", "lockedByProject": "alpha", "expiresAt": "2026-11-28T05:46:11.385Z"}
    says = "alpha has FLEETHUB locked until 2026-11-28T05:46:11.385Z; an apply writes it all the same"
    assert says in use.document_status(root, Access()).notes


def test_its_own_settings_say_where_it_listens(tmp_path: Path) -> None:
    home = tmp_path / ".tangleclaw"
    home.mkdir()
    secure = {"httpsEnabled": True, "httpsCertPath": "/c", "httpsKeyPath": "/k"}
    rows: tuple[tuple[object, str], ...] = (
        ({"serverPort": 3102, "httpsEnabled": True, "httpsCertPath": None}, "http://localhost:3102"),
        ({"serverPort": 3102, **secure}, "https://localhost:3102"),
        ({"serverPort": 3102, **secure, "ingressMode": "caddy"}, "http://localhost:3102"),
        ({"serverPort": "3102"}, BASE),
        ([], BASE),
    )
    for config, base in rows:
        (home / "config.json").write_text(json.dumps(config))
        assert access(None, None, {"HOME": str(tmp_path)}).local == base
    (home / "config.json").write_text('{"serverPort": 3199}')
    assert access(None, None, {"TANGLECLAW_HOME": str(home)}).local == "http://localhost:3199"


def test_a_certificate_of_its_own_is_named_and_remembered(root: Path, tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = authority.issue_cert("localhost")
    leaf.configure_cert(context)
    files = {}
    for name, pem in (("own", authority.cert_pem), ("other", stranger.cert_pem), ("leaf", leaf.cert_chain_pems[0])):
        files[name] = tmp_path / f"{name}.pem"
        pem.write_to_path(files[name])
    (tmp_path / "none.pem").write_text("no certificate")
    with TangleClaw(projects=PROJECTS, tls=context) as server:
        for ca in (None, files["other"]):
            step = use.register_document(root, Access(server.url, ca=ca)).steps[0]
            assert (step.outcome, step.code) == (StepOutcome.UNREACHABLE, "CERTIFICATE")
            assert "its certificate is not trusted here (" in step.detail
            assert f"the certificate of {server.url}" in step.hint
            assert "is TangleClaw running" not in step.hint
        unusable = use.register_document(root, Access(server.url, ca=tmp_path / "none.pem")).steps[0]
        assert "holds no certificate in PEM form" in unusable.detail
        assert use.register_document(root, Access(server.url, ca=files["leaf"])).fine
        assert use.register_document(root, Access(server.url, ca=files["own"]), members=("7",)).fine
        assert use.document_status(root, Access()).fine
        assert use.notify(root) == NotifyResult(REGISTERED, sessions=1)
        assert use.unregister_document(root, Access()).fine


def test_a_folder_without_a_spec_is_no_fleet(tmp_path: Path, root: Path) -> None:
    with pytest.raises(Unusable, match=r"no fleet\.toml"):
        use.fleet_root(tmp_path)
    assert use.fleet_root(root) == use.fleet_root(root / "fleet.toml") == root


def test_another_tangleclaw_that_does_not_have_it_is_no_proof_that_it_is_gone(server: TangleClaw, root: Path) -> None:
    use.register_document(root, Access(server.url))
    with TangleClaw(projects=PROJECTS) as other:
        report = use.unregister_document(root, Access(other.url))
    assert outcomes(report) == {"document": StepOutcome.MISSING}
    assert server.url in report.steps[0].hint
    assert record(root)["base"] == server.url
    assert use.unregister_document(root, Access()).fine
    assert server.state.documents == {}


def test_a_tunnel_whose_origin_a_node_refuses_is_told_with_what_to_write(root: Path) -> None:
    spec = """
[fleet]
name = "monad"
[proxies.main]
url = "http://llm:4000"
master_key = "env:X"
[models.m]
proxy = "main"
route = "openai/m"
context = 32768
[defaults.node]
target = "run/{name}"
image = "ghcr.io/openclaw/openclaw:2026.9.6"
model = "m"
[nodes.volta]
host = "volta"
[nodes.tilt]
host = "tilt"
"""
    (root / "fleet.toml").write_text(spec)
    ways = [("Volta", "volta", 18789, 18795), ("Tilt", "TILT", 18789, 18850), ("Other", "tilt", 1, 18851)]
    connections = [
        {"name": name, "host": host, "port": port, "localPort": local, "gatewayToken": TOKEN}
        for name, host, port, local in ways
    ]
    with TangleClaw(projects=PROJECTS, connections=connections) as server:
        report = use.register_document(root, Access(server.url))
        says = [note for note in report.notes if "tunnel" in note]
        assert len(says) == 1
        assert says[0].endswith('which it refuses: write origins = ["http://127.0.0.1:18850"] in [nodes.tilt]')
        (root / "fleet.toml").write_text(spec + 'origins = ["http://127.0.0.1:18850"]\n')
        assert not any("tunnel" in note for note in use.document_status(root, Access()).notes)
        assert TOKEN not in str(report)


def test_a_rule_points_sessions_of_every_engine_to_the_fleet_once(root: Path) -> None:
    with TangleClaw(projects=PROJECTS) as server:
        first = rules.install(root, Access(server.url), ("ALPHA", "8", "nobody"), "/opt/fleethub")
        assert [step.outcome for step in first.steps] == [REGISTERED, REGISTERED, StepOutcome.REFUSED]
        found = list(server.state.rules.values())
        assert [(rule.project, rule.kind, rule.status) for rule in found] == [
            (7, "startup", "active"), (8, "startup", "active"),
        ]  # fmt: skip
        assert "`/opt/fleethub context`" in found[0].content
        writes = len(server.writes)
        again = rules.install(root, Access(server.url), ("alpha",), "/opt/fleethub")
        assert (again.fine, again.steps[0].outcome, len(server.writes)) == (True, ALREADY, writes)
        found[0].enabled = False
        moved = rules.install(root, Access(server.url), ("alpha",), "/usr/bin/fleethub")
        assert moved.steps[0].detail == "switched off in TangleClaw, and left so"
        assert ("/usr/bin/fleethub" in found[0].content, found[0].versions, found[0].enabled) == (True, 2, False)
        other = Rule(99, 7, "Be kind.", "startup", "operator")
        server.state.rules[99] = other
        assert rules.uninstall(root, Access(server.url), ("alpha", "beta")).fine
        assert list(server.state.rules.values()) == [other]
        assert server.faults == []


def test_a_projects_number_has_the_name_that_tangleclaw_says(
    server: TangleClaw, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, name = "7", "alpha"
    assert name_of(root, number) is None  # nothing is registered, and no pane is near
    monkeypatch.setenv("TANGLECLAW_API", server.url)
    assert name_of(root, number) is None  # the pane is another project's
    monkeypatch.setenv("TANGLECLAW_PROJECT_ID", number)
    assert name_of(root, number) == name
    monkeypatch.delenv("TANGLECLAW_API")
    use.register_document(root, Access(server.url))
    assert name_of(root, number) == name
    assert name_of(root, "9999") is None
