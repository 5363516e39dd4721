"""The TangleClaw stand-in answers as a real v5.14.0 did, and refuses as later versions do."""

from __future__ import annotations

import pytest

from fleethub.testing.tangleclaw import Project, TangleClaw

PROJECTS = (Project(7, "alpha", "/p/alpha", listening=True), Project(8, "beta", "/p/beta", listening=True))
TOKEN = "tcsk_" + "A1" * 21 + "z"
PANE = {"x-tangleclaw-project-id": "7", "x-tangleclaw-launch-id": "L1"}


@pytest.fixture
def server():
    with TangleClaw(projects=PROJECTS) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def client(server, connect):
    return connect(server)


@pytest.fixture
def group(client, tmp_path):
    answer = client.post("/api/groups", json={"name": "AI Inference", "sharedDir": str(tmp_path)})
    assert answer.status_code == 201
    return answer.json()


def document(client, group, **more):
    body = {"groupId": group["id"], "name": "FLEETHUB", "filePath": "/f/FLEETHUB.md", **more}
    return client.post("/api/shared-docs", json=body)


def refused(answer):
    assert set(answer.json()) == {"error", "code"}
    return answer.status_code, answer.json()["code"]


def test_groups(client, group, tmp_path):
    (listed,) = client.get("/api/groups").json()["groups"]
    counts = {"memberCount": 0, "docCount": 0}  # told in the list alone
    assert listed == {**group, **counts}
    assert set(group) == {"id", "name", "description", "sharedDir", "createdAt"}
    assert group["sharedDir"] == str(tmp_path)
    assert refused(client.post("/api/groups", json={"name": "AI Inference"})) == (409, "CONFLICT")
    assert refused(client.post("/api/groups", json={})) == (400, "BAD_REQUEST")
    changed = client.put(f"/api/groups/{group['id']}", json={"description": "d"}).json()
    assert (changed["description"], changed["name"]) == ("d", "AI Inference")
    assert refused(client.get("/api/groups/none")) == (404, "NOT_FOUND")


def test_deleting_a_group_takes_its_documents(client, group):
    number = document(client, group).json()["id"]
    assert client.delete(f"/api/groups/{group['id']}").status_code == 200
    assert refused(client.get(f"/api/shared-docs/{number}")) == (404, "NOT_FOUND")


def test_members_are_projects_by_number_and_once(client, group):
    path = f"/api/groups/{group['id']}/members"
    for _ in range(2):
        assert client.post(path, json={"projectId": 7}).status_code == 200
    assert client.get(f"/api/groups/{group['id']}").json()["memberCount"] == 1
    told = client.post(path, json={"projectId": "7"})  # a text that is a number is one
    assert (told.status_code, told.json()) == (200, {"ok": True, "groupId": group["id"], "projectId": "7"})
    assert refused(client.post(path, json={})) == (400, "BAD_REQUEST")
    for unknown in (99, "alpha", 1.5):
        assert refused(client.post(path, json={"projectId": unknown})) == (404, "NOT_FOUND")
    assert [one["name"] for one in client.get(f"/api/groups/{group['id']}").json()["members"]] == ["alpha"]
    client.delete(f"{path}/7")
    assert client.get(f"/api/groups/{group['id']}").json()["memberCount"] == 0


def test_sync_registers_each_md_of_the_folder_itself_and_forgets_none(client, group, tmp_path):
    (tmp_path / "FLEETHUB.md").write_text("x")
    (tmp_path / "link.md").symlink_to(tmp_path / "FLEETHUB.md")
    (tmp_path / "dangling.md").symlink_to(tmp_path / "nowhere")
    (tmp_path / "fleet.toml").write_text("x")
    (tmp_path / "docs.md").mkdir()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "OTHER.md").write_text("x")
    path = f"/api/groups/{group['id']}/sync"
    assert client.post(path).json() == {"ok": True, "added": ["FLEETHUB.md", "link.md"], "skipped": [], "errors": []}
    (tmp_path / "link.md").unlink()
    assert client.post(path).json() == {"ok": True, "added": [], "skipped": ["FLEETHUB.md"], "errors": []}
    docs = {d["name"]: d for d in client.get(f"/api/shared-docs?groupId={group['id']}").json()["docs"]}
    assert set(docs) == {"FLEETHUB", "link"}
    one = docs["FLEETHUB"]
    assert (one["injectIntoConfig"], one["injectMode"], one["description"]) == (True, "reference", None)
    assert one["filePath"] == str(tmp_path / "FLEETHUB.md")


def test_sync_needs_a_directory(client):
    bare = client.post("/api/groups", json={"name": "bare"}).json()
    assert refused(client.post(f"/api/groups/{bare['id']}/sync")) == (400, "BAD_REQUEST")


def test_documents(client, group):
    made = document(client, group, injectMode="inline", injectIntoConfig=True)
    assert made.status_code == 201
    assert refused(document(client, group)) == (409, "CONFLICT")
    assert refused(document(client, {"id": "none"})) == (404, "NOT_FOUND")
    assert refused(document(client, group, filePath="/g", injectMode="embed")) == (400, "BAD_REQUEST")
    path = f"/api/shared-docs/{made.json()['id']}"
    changed = client.put(path, json={"description": "how"}).json()
    assert (changed["description"], changed["injectMode"]) == ("how", "inline")
    assert refused(client.put(path, json={"injectMode": "embed"})) == (400, "BAD_REQUEST")
    assert client.get(path).json() == {**changed, "lock": None}
    assert client.delete(path).status_code == 200
    assert refused(client.delete(path)) == (404, "NOT_FOUND")


def test_notify_counts_who_listens_without_the_project_that_holds_the_file(client, group):
    for number in (7, 8):
        client.post(f"/api/groups/{group['id']}/members", json={"projectId": number})
    number = document(client, group, filePath="/p/alpha/FLEETHUB.md").json()["id"]
    answer = client.post(f"/api/shared-docs/{number}/notify", json={})
    assert (answer.status_code, answer.json()) == (200, {"success": True, "notifiedCount": 1})
    assert refused(client.post("/api/shared-docs/none/notify")) == (404, "NOT_FOUND")


def test_bodies(client, group):
    small = client.post("/api/groups", content=b'{"name": "' + b"x" * (10240 - 12) + b'"}')
    assert small.status_code == 201
    large = client.post("/api/groups", content=b'{"name": "' + b"x" * (10241 - 12) + b'"}')
    assert refused(large) == (413, "BODY_TOO_LARGE")
    assert refused(client.post("/api/groups", content=b"{")) == (400, "BAD_REQUEST")
    assert refused(client.post("/api/groups", content=b"[]")) == (400, "BAD_REQUEST")
    assert refused(client.get("/api/nothing")) == (404, "NOT_FOUND")
    rule = {"projectId": 7, "content": "x" * 20_000, "createdBy": "fleethub"}
    assert client.post("/api/session-rules", json=rule).status_code == 201


def test_rules_of_an_ai_are_proposed(client):
    def rule(by):
        return client.post("/api/session-rules", json={"projectId": 7, "content": "c", "createdBy": by}).json()

    assert (rule("ai")["status"], rule("fleethub")["status"]) == ("proposed", "active")
    (active,) = client.get("/api/session-rules?projectId=7&status=active").json()["rules"]
    assert client.put(f"/api/session-rules/{active['id']}", json={"enabled": False}).json()["enabled"] is False
    assert client.delete(f"/api/session-rules/{active['id']}").status_code == 200
    assert refused(client.delete(f"/api/session-rules/{active['id']}")) == (404, "NOT_FOUND")


def test_the_gate_is_on_some_routes_only(connect, tmp_path):
    with TangleClaw(token=TOKEN) as server:
        stranger, wrong, friend = connect(server), connect(server, "tcsk_wrong"), connect(server, TOKEN)
        made = stranger.post("/api/groups", json={"name": "g", "sharedDir": str(tmp_path)}).json()
        for method, path in (("GET", "/api/shared-docs"), ("POST", f"/api/groups/{made['id']}/sync")):
            assert refused(stranger.request(method, path)) == (401, "UNAUTHORIZED")
            assert refused(wrong.request(method, path)) == (401, "INVALID_SERVICE_TOKEN")
            assert friend.request(method, path).status_code == 200
        assert "www-authenticate" not in stranger.get("/api/shared-docs").headers
        server.token = ""
        assert refused(friend.get("/api/shared-docs")) == (500, "SERVICE_TOKEN_MISCONFIGURED")


def test_newer_ones_want_a_pane_and_keep_changes_for_the_operator(connect, tmp_path):
    with TangleClaw("newer", projects=PROJECTS, launches=[("7", "L1")]) as server:
        client = connect(server)
        assert refused(client.get("/api/groups")) == (403, "SHARED_DOCS_BINDING_REQUIRED")
        assert refused(client.get("/api/shared-docs")) == (403, "SHARED_DOCS_BINDING_REQUIRED")
        other = {**PANE, "x-tangleclaw-launch-id": "L2"}
        assert refused(client.get("/api/groups", headers=other)) == (403, "SHARED_DOCS_BINDING_REQUIRED")
        made = client.post("/api/groups", json={"name": "g", "sharedDir": str(tmp_path)}, headers=PANE).json()
        number = client.post(
            "/api/shared-docs", json={"groupId": made["id"], "name": "n", "filePath": "/n"}, headers=PANE
        ).json()["id"]
        for method, path in (("PUT", f"/api/groups/{made['id']}"), ("DELETE", f"/api/shared-docs/{number}")):
            assert refused(client.request(method, path, headers=PANE)) == (403, "OPERATOR_ONLY")


def test_a_launch_looks_through_the_shared_directory(client, server, group, tmp_path):
    (tmp_path / "FLEETHUB.md").write_text("x")
    server.launch(7)
    assert server.state.documents == {}
    client.post(f"/api/groups/{group['id']}/members", json={"projectId": 7})
    server.launch(7)
    assert [d.name for d in server.state.documents.values()] == ["FLEETHUB"]


def test_it_tells_what_nobody_should_ask(connect):
    with TangleClaw(token=TOKEN, connections=[{"name": "Volta", "gatewayToken": "t"}]) as server:
        client = connect(server)
        assert client.get("/api/service-token").json() == {"token": TOKEN}
        assert client.get("/api/openclaw/connections").json()["connections"][0]["gatewayToken"] == "t"
        server.token = None
        assert refused(client.get("/api/service-token")) == (404, "NO_SERVICE_TOKEN")


def test_odd_bodies(client, group):
    """As a real v5.14.0 answered them, also where nobody foresaw them there."""
    number = document(client, group).json()["id"]
    rule = client.post("/api/session-rules", json={"content": "do", "projectId": "7"}).json()
    docs, rules = f"/api/shared-docs/{number}", f"/api/session-rules/{rule['id']}"
    wanted = [
        ("POST", "/api/groups", {"name": " AI Inference "}, 409),
        ("POST", "/api/groups", {"name": "  "}, 500),
        ("POST", "/api/groups", {"name": "ai inference"}, 201),
        ("PUT", docs, {"name": ""}, 200),
        ("PUT", docs, {"filePath": "/elsewhere.md", "injectIntoConfig": "yes"}, 200),
        ("PUT", docs, {"injectMode": "x"}, 400),
        ("POST", "/api/session-rules", {"content": " ", "projectId": 7}, 400),
        ("POST", "/api/session-rules", {"content": "x"}, 400),
        ("POST", "/api/session-rules", {"content": "x", "projectId": 99}, 500),
        ("PUT", rules, {"content": ""}, 400),
        ("PUT", rules, {}, 200),
        ("POST", "/api/ports/lease", {"port": "3311", "project": "p", "service": "s"}, 201),
        ("POST", "/api/ports/release", {}, 400),
        ("PATCH", f"/api/groups/{group['id']}", {}, 404),
    ]
    found = [(m, p, body, client.request(m, p, json=body).status_code) for m, p, body, _ in wanted]
    assert found == wanted
    (told,) = client.get("/api/shared-docs", params={"groupId": ""}).json()["docs"]
    assert {name: told[name] for name in ("filePath", "injectIntoConfig", "name")} == {
        "filePath": "/elsewhere.md",
        "injectIntoConfig": True,
        "name": "",
    }
    assert client.get("/api/ports").json()["leases"][0]["port"] == 3311
    answer = client.head("/api/groups")
    assert (answer.status_code, answer.content, client.get("/api/groups").status_code) == (404, b"", 200)
