"""Ports at PortHub: the server's own is leased and given back, those of nodes are held against the leases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fleethub.integrations.tangleclaw import operation as use
from fleethub.integrations.tangleclaw.access import Access
from fleethub.integrations.tangleclaw.client import Project as Known
from fleethub.integrations.tangleclaw.ports import Leased, holder, leased
from fleethub.testing.tangleclaw import Project, TangleClaw
from tests.fleets import fleet

PORT = 3310
SPEC = fleet().node("volta", "one", port=18789, host="gpu.example", owner="Volta")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "projects" / "infra" / "fleet"
    folder.mkdir(parents=True)
    (folder / "fleet.toml").write_text(SPEC.text)
    (folder / "FLEETHUB.md").write_text("# Inference fleet")
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[TangleClaw]:
    with TangleClaw(projects=(Project(7, "My Infra", str(root.parent)), Project(8, "beta", "/elsewhere"))) as found:
        use.register_document(root, Access(found.url))
        yield found
        assert found.faults == []


def take(server: TangleClaw, project: str, port: int = PORT, host: str = "localhost", **fields: object) -> None:
    server.state.leases[host, port] = {"host": host, "port": port, "project": project, "service": "web", **fields}


def test_the_port_is_the_projects_that_holds_the_fleet_and_is_given_back(server: TangleClaw, root: Path) -> None:
    for _ in range(2):
        with leased(root, PORT) as lease:
            assert (lease.project, lease.note) == ("My Infra", "")
            held = server.state.leases["localhost", PORT]
            assert (held["project"], held["service"], held["permanent"]) == ("My Infra", "fleethub", True)
        assert server.state.leases == {}


def test_one_that_was_left_by_a_crash_is_renewed(server: TangleClaw, root: Path) -> None:
    take(server, "My Infra")
    with leased(root, PORT) as lease:
        assert lease.project == "My Infra"


def test_a_port_of_another_project_is_refused_by_name_and_stays_his(server: TangleClaw, root: Path) -> None:
    take(server, "beta")
    with pytest.raises(Leased, match=r"leased by 'beta' \(web\).*serve at another --port"), leased(root, PORT):
        pass
    assert server.state.leases["localhost", PORT]["project"] == "beta"


def test_a_connection_of_tangleclaws_to_the_page_has_its_port_leased_and_is_no_other(
    server: TangleClaw, root: Path
) -> None:
    way = {"name": "FleetHub", "host": "localhost", "sshUser": "-", "sshKeyPath": "-"}
    for port, to in ((PORT, PORT), (PORT + 1, 18789)):
        done = httpx.post(f"{server.url}/api/openclaw/connections", json={**way, "port": to, "localPort": port})
        assert done.json()["localPort"] == port
    with leased(root, PORT) as lease:
        assert (lease.project, "connection FleetHub, to this page" in lease.note) == ("", True)
    assert server.state.leases["localhost", PORT]["project"] == "oc-direct-1"  # and it stays
    with pytest.raises(Leased, match="oc-direct-2"), leased(root, PORT + 1):  # a tunnel to somebody's gateway
        pass


def test_what_somebody_took_over_meanwhile_is_not_released(server: TangleClaw, root: Path) -> None:
    with leased(root, PORT):
        take(server, "beta")
    assert server.state.leases["localhost", PORT]["project"] == "beta"


def test_who_is_not_registered_asks_nobody(server: TangleClaw, root: Path) -> None:
    use.unregister_document(root, Access())
    before = len(server.requests)
    with leased(root, PORT) as lease:
        assert (lease.project, lease.note) == ("", "")
    assert len(server.requests) == before


def test_a_tangleclaw_that_is_away_or_has_no_such_project_is_a_note(server: TangleClaw, root: Path) -> None:
    del server.state.projects[7]
    with leased(root, PORT) as lease:
        assert lease.project == ""
        assert "no project of TangleClaw holds" in lease.note
    server.stop()
    with leased(root, PORT) as lease:
        assert lease.note == f"port {PORT} is not leased at PortHub: TangleClaw does not answer"


def test_a_gate_without_its_token_is_a_note(server: TangleClaw, root: Path) -> None:
    server.token = "tcsk_" + "x" * 43
    with leased(root, PORT) as lease:
        assert lease.project == ""
        assert "Authorization" in lease.note


def test_the_innermost_registered_project_holds_it(root: Path) -> None:
    outer, inner = Known(id=1, name="outer", path=str(root.parents[1])), Known(id=2, name="inner", path=str(root))
    folder = Known(name="none yet", path=str(root))
    assert holder((outer, inner, folder, Known(id=3, name="no path")), root) == "inner"
    assert holder((folder,), root) is None


@pytest.mark.parametrize(
    ("project", "place", "fields", "told"),
    [
        ("beta", ("gpu.example", 18789), {}, True),
        ("beta", ("GPU.example", 18789), {}, True),
        ("beta", ("gpu.example", 18790), {}, False),
        ("beta", ("localhost", 18789), {}, False),
        ("beta", ("gpu.example", 18789), {"status": "expired"}, False),
        ("VOLTA", ("gpu.example", 18789), {}, False),
        ("oc-direct-3", ("gpu.example", 18789), {}, False),
    ],
)
def test_a_nodes_port_that_is_leased_to_another_is_told(
    server: TangleClaw, root: Path, project: str, place: tuple[str, int], fields: dict[str, object], told: bool
) -> None:
    take(server, project, place[1], place[0], **fields)
    take(server, "odd", "abc", "gpu.example")  # type: ignore[arg-type]  # PortHub takes any
    for report in (use.document_status(root, Access()), use.register_document(root, Access())):
        notes = [note for note in report.notes if "PortHub" in note]
        assert bool(notes) is told
        assert all("port 18789 of node volta" in note and "beta (web)" in note for note in notes)


def test_what_is_not_told_is_said_not_to_be_known(server: TangleClaw, root: Path) -> None:
    """A note that is not there reads as if nothing were in the way."""
    quiet = use.document_status(root, Access()).notes
    assert not [note for note in quiet if "is not known" in note]
    server.connections.append({"id": 1, "host": ["no", "text"]})
    take(server, "beta", 18789, "gpu.example", status=["no", "text"])
    notes = [note for note in use.document_status(root, Access()).notes if note not in quiet]
    assert [note.partition(" is not known: ")[0] for note in notes] == [
        "whether its tunnels' pages are let in by the nodes",
        "whether a node's port is leased to somebody else",
    ]
