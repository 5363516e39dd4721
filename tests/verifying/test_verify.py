"""``fleethub verify`` on stand-ins: every diagnosis, from here and from a node, and the key that shows nowhere."""

from __future__ import annotations

import gzip
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.clients.shell import ShellError, Shells
from fleethub.model.exit import Exit
from fleethub.testing.server import Answer
from tests.support import Place
from tests.verifying.fleet import Node, Town, over_ssh


@pytest.fixture
def town() -> Iterator[Town]:
    found = Town()
    yield found
    found.stop()


@pytest.fixture
def place(town: Town, tmp_path: Path) -> Place:
    return town.place(tmp_path / "fleet")


@pytest.fixture
def node(place: Place, monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node is reached over SSH, so to say."""
    found = Node()
    over_ssh(place)
    monkeypatch.setattr(Shells, "at", lambda self, address: found)
    return found


def codes(place: Place, *argv: str) -> list[str]:
    """The codes of ``verify --json``, after a look at the exit code."""
    lines = place.json("verify", *argv)
    found = [line for line in lines if line["type"] == "finding"]
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["exit"] == place.code
    assert all(line["hint"] for line in found)
    worst = Exit.REFUSED if any(line["severity"] == "error" for line in found) else place.code
    assert place.code == worst
    return [line["code"] for line in found]


def checks(place: Place, *argv: str) -> list[dict[str, Any]]:
    return [line for line in place.json("verify", *argv) if line["type"] == "check"]


def kept(path: Path) -> bytes:
    """What a file says; documents of the history are compressed."""
    data = path.read_bytes()
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def steady(text: str, town: Town, place: Place) -> str:
    for server, name in ((town.first, "one"), (town.second, "two"), (town.ollama, "ollama")):
        text = text.replace(server.url, f"http://{name}:".ljust(len(server.url), "4"))  # columns stay as they are
    return text.replace(str(place.folder), "/fleet")


def write_key(place: Place, line: str) -> None:
    path = place.folder / "nodes/volta/.env"
    path.write_text(re.sub(r"^FLEETHUB_KEY_MAIN=.*$", line, path.read_text(), flags=re.MULTILINE))


def stale(town: Town, place: Place, *models: str) -> None:
    """The second replica remembers the key as it was; the database has it with ``models``."""
    town.second.replica.cache.clear()
    town.second.replica.cache_ttl = 3600
    place.run("verify")
    town.admin.update("volta", models=list(models))


def nothing_listens() -> str:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{trial.getsockname()[1]}"


# all is well


@pytest.mark.parametrize("live", [(), ("--live",)], ids=["lists", "live"])
def test_all_is_well_from_here(live: tuple[str, ...], place: Place, town: Town, snapshot: SnapshotAssertion) -> None:
    before = place.bytes()
    assert steady(place.run("verify", *live, code=0), town, place) == snapshot
    assert codes(place, *live) == []
    assert place.bytes() == before


@pytest.mark.parametrize("live", [(), ("--live",)], ids=["lists", "live"])
def test_all_is_well_from_the_node(
    live: tuple[str, ...], place: Place, town: Town, node: Node, snapshot: SnapshotAssertion
) -> None:
    assert steady(place.run("verify", "volta", *live, code=0), town, place) == snapshot
    assert len(node.sent) == 1  # one exec
    assert {check["from"] for check in checks(place, *live)} == {"node"}


def test_a_list_calls_no_model_and_a_live_call_loads_it_once(place: Place, town: Town) -> None:
    place.run("verify", code=0)
    assert not town.ollama.residents
    place.run("verify", "--live", code=0)
    assert {r.context_length for r in town.ollama.residents.values()} == {32768}


# the key's scope


@pytest.mark.parametrize("live", [(), ("--live",)], ids=["lists", "live"])
def test_a_model_that_the_key_lacks(
    live: tuple[str, ...], place: Place, town: Town, snapshot: SnapshotAssertion
) -> None:
    town.admin.update("volta", models=["qwen3-32b"])
    assert codes(place, *live) == ["verify.key-scope"]
    out = place.run("verify", *live, code=Exit.REFUSED)
    assert steady(out, town, place) == snapshot
    assert "hint: fleethub apply" in out
    place.apply()
    assert codes(place, *live) == []


def test_a_model_that_the_team_lacks(place: Place, town: Town) -> None:
    body = {"team_alias": "t", "models": ["gpt-oss-20b", "qwen3-32b"]}
    team = town.admin.http.post("/team/new", json=body).json()["team_id"]
    town.admin.update("volta", team_id=team)
    town.admin.http.post("/team/update", json={"team_id": team, "models": ["gpt-oss-20b"]}).raise_for_status()
    assert codes(place, "--live") == ["verify.team-scope"]
    assert "the list of its team lacks it" in place.run("verify", "--live")


def test_a_model_that_the_proxy_lacks(place: Place, town: Town) -> None:
    for server in (town.first, town.second):
        server.replica.config_models = [m for m in server.replica.config_models if m["model_name"] != "qwen3-32b"]
    assert all(check["listed"] for check in checks(place))  # LiteLLM lists the name all the same
    assert codes(place) == ["verify.model-missing"]
    assert codes(place, "--live") == ["verify.model-missing"]


def test_a_replica_that_remembers_the_old_scope(place: Place, town: Town) -> None:
    town.admin.update("volta", models=["gpt-oss-20b"])
    stale(town, place, "qwen3-32b", "gpt-oss-20b")
    assert codes(place) == ["verify.cache-stale"]
    out = place.run("verify", "--live", code=Exit.REFUSED)
    assert f"{town.second.url} does not know yet" in out
    assert "wait 0.01 s (key_cache_ttl), then fleethub verify volta" in out
    town.second.replica.cache.clear()
    assert codes(place, "--live") == []


def test_a_wildcard_shows_no_names_and_a_call_tells(place: Place, town: Town) -> None:
    town.admin.update("volta", models=["*"])
    assert {check["listed"] for check in checks(place) if check["proxy"]} == {False}
    assert codes(place, "--live") == []


# the key itself


def test_another_key_in_the_env(place: Place, town: Town) -> None:
    other = town.admin.generate(key_alias="other", models=["qwen3-32b"])
    write_key(place, f"FLEETHUB_KEY_MAIN='{other}'")
    assert codes(place, "--live") == ["verify.wrong-key"]
    write_key(place, "FLEETHUB_KEY_MAIN='sk-nobody-knows-this-one'")
    assert codes(place) == ["verify.wrong-key"]
    assert "and the proxy refuses it" in place.run("verify")
    place.apply()
    assert codes(place) == []


@pytest.mark.parametrize("far", [False, True], ids=["folder", "far"])
def test_an_older_value_of_a_rotation_that_is_not_at_its_end(
    far: bool, place: Place, town: Town, request: pytest.FixtureRequest
) -> None:
    """It is told as that, and its calls are judged by it."""
    if far:
        request.getfixturevalue("node")
    place.write((place.folder / "fleet.toml").read_text() + "\n[keys.volta]\ngeneration = 2\n")
    assert codes(place) == ["verify.older-key"]
    assert place.code == Exit.FINE
    town.admin.update("volta", models=["gemma3-27b"])
    assert codes(place) == ["verify.older-key", "verify.key-scope"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("FLEETHUB_KEY_MAIN='two words'", "verify.wrong-key"),
        ("FLEETHUB_KEY_MAIN=''", "verify.not-applied"),
        ("", "verify.not-applied"),
    ],
)
def test_what_is_no_key(line: str, code: str, place: Place) -> None:
    write_key(place, line)
    assert codes(place) == [code]


def test_a_node_that_was_never_applied(place: Place) -> None:
    shutil.rmtree(place.folder / "nodes/volta")
    assert codes(place) == ["verify.not-applied"]


def test_a_key_that_was_deleted_or_blocked(place: Place, town: Town) -> None:
    town.admin.update("volta", blocked=True)
    assert codes(place) == ["verify.key-refused"]
    town.admin.delete("volta")
    assert codes(place) == ["verify.key-refused"]
    assert "fleethub show key.main.volta" in place.run("verify")


def test_a_deleted_key_that_a_replica_remembers(place: Place, town: Town) -> None:
    stale(town, place)
    town.admin.delete("volta")
    assert codes(place) == ["verify.key-refused"]


def test_a_key_over_its_budget_and_one_over_its_rate(place: Place, town: Town) -> None:
    town.admin.update("volta", max_budget=0.0)
    assert codes(place) == ["verify.budget"]
    town.admin.update("volta", max_budget=None, rpm_limit=1)
    assert codes(place, "--live") == ["verify.rate-limited"]
    assert place.code == Exit.ERROR  # nothing wrong was found, and not all of it was proved


# endpoints


def test_a_replica_that_is_down(place: Place, town: Town) -> None:
    town.second.stop()
    assert codes(place, "--live") == ["verify.replica-dead"]


def test_a_proxy_that_is_down(place: Place, town: Town) -> None:
    town.first.stop()
    assert codes(place) == ["verify.proxy-down", "proxy.unreadable"]


def test_a_proxy_without_its_database(place: Place, town: Town) -> None:
    for server in (town.first, town.second):
        server.replica.cache.clear()
        server.database_state = "disconnected"
    assert codes(place) == ["verify.proxy-error", "verify.proxy-error", "proxy.unreadable"]


def test_something_else_at_the_doors(place: Place, town: Town) -> None:
    place.edit(f'url = "{town.first.url}"', f'url = "{town.ollama.url}"\nadmin_url = "{town.first.url}"')
    town.ollama.routes["GET", "/v1/models"] = lambda _: Answer({"object": "list"})
    assert codes(place) == ["verify.proxy-error"]


def test_a_model_that_fails_behind_the_proxy(place: Place, town: Town) -> None:
    text = "litellm.APIConnectionError: Ollama_chatException - [Errno 111] Connection refused"
    broken = Answer({"error": {"message": text, "type": None, "param": None, "code": "500"}}, 500)
    for server in (town.first, town.second):
        route = ("POST", "/v1/chat/completions")
        calls = server.routes[route]  # what calls no model is answered as ever
        server.routes[route] = lambda r, calls=calls: broken if b"messages" in r.body else calls(r)  # type: ignore[misc]
    assert codes(place) == []
    assert set(codes(place, "--live")) == {"verify.model-error"}
    assert "Connection refused" in place.run("verify", "--live")


def test_an_answer_of_another_model(place: Place, town: Town) -> None:
    answers_in_its_place(town)
    assert set(codes(place, "--live")) == {"verify.fallback"}
    assert "gemma3-27b answered in its place" in place.run("verify", "--live")


def test_an_answer_of_another_model_from_the_node(place: Place, town: Town, node: Node) -> None:
    answers_in_its_place(town)
    assert set(codes(place, "--live")) == {"verify.fallback"}
    assert "gemma3-27b answered in its place" in place.run("verify", "--live")


def answers_in_its_place(town: Town) -> None:
    """The router of both replicas falls back, and says so in its headers alone."""
    headers = {"x-litellm-model-group": "gemma3-27b", "x-litellm-attempted-fallbacks": "1"}
    for server in (town.first, town.second):
        server.routes["POST", "/v1/chat/completions"] = lambda _: Answer({"choices": []}, headers=headers)


def test_a_call_that_hangs(place: Place, town: Town, hang: Callable[[str], None]) -> None:
    hang("/v1/chat/completions")
    assert codes(place, "--live", "--timeout", "4") == ["verify.hangs"]


def test_a_call_that_hangs_from_the_node(place: Place, node: Node, hang: Callable[[str], None]) -> None:
    hang("/v1/chat/completions")
    assert codes(place, "--live", "--timeout", "4") == ["verify.hangs"]


@pytest.fixture
def hang(town: Town) -> Iterator[Callable[[str], None]]:
    """Have the second replica give no answer to a path."""
    import threading

    never = threading.Event()

    def start(path: str) -> None:
        def wait(record: Any) -> None:
            if record.path == path:
                never.wait(30)
                raise ConnectionError

        town.second.before = wait

    yield start
    never.set()


def test_an_ollama_without_the_model_and_one_that_is_down(place: Place, town: Town) -> None:
    model = town.ollama.models.pop("llama3.1:8b")
    assert codes(place) == ["verify.tag-missing"]
    assert "ollama pull llama3.1:8b" in place.run("verify", "--live")
    town.ollama.models["llama3.1:8b"] = model
    town.ollama.stop()
    assert codes(place) == ["verify.backend-down"]


def test_an_ollama_that_runs_out_of_memory(place: Place, town: Town) -> None:
    broken = Answer({"error": "llama-server process has terminated: cudaMalloc failed: out of memory"}, 500)
    town.ollama.routes["POST", "/api/generate"] = lambda _: broken
    assert codes(place, "--live") == ["verify.model-error"]


# from the node


def test_no_route_from_the_node(
    place: Place, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
) -> None:
    """What the node calls leads nowhere there, and this machine is told that it could connect."""
    place.edit(f'url = "{town.first.url}"', f'url = "http://proxy.invalid:4000"\nadmin_url = "{town.first.url}"')
    monkeypatch.setattr("fleethub.verifying.ask.unreachable", lambda urls, seconds: {})
    assert codes(place) == ["verify.no-route"]
    out = place.run("verify", code=Exit.REFUSED)
    assert steady(out, town, place) == snapshot


def test_a_replica_that_only_this_machine_can_connect_to(
    place: Place, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes use the one URL; a replica's own may be for FleetHub alone."""
    silent = nothing_listens()
    place.edit(f'"{town.second.url}"]', f'"{silent}"]')
    monkeypatch.setattr("fleethub.verifying.ask.unreachable", lambda urls, seconds: {})
    assert codes(place) == ["verify.replica-dead"]  # asked from here, it does not answer either
    original = node.run

    def run(script: str, stdin: bytes = b"", timeout: float = 20.0) -> Any:
        return original(script, stdin.replace(town.second.url.encode(), silent.encode()), timeout)

    monkeypatch.setattr(node, "run", run)
    place.edit(silent, town.second.url)
    assert codes(place, "--live") == []
    origins = {check["endpoint"]: check["from"] for check in checks(place, "--live")}
    assert origins == {town.first.url: "node", town.second.url: "here", town.ollama.url: "node"}
    assert "(from here)" in place.run("verify")


def test_a_node_that_cannot_be_logged_into(
    place: Place, town: Town, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*args: Any) -> Any:
        raise ShellError("ops@volta: no answer within 5 s")

    monkeypatch.setattr(node, "run", run)
    assert codes(place) == ["verify.node-unread"]
    assert place.code == Exit.ERROR
    out = place.run("verify")
    assert "from here: the node cannot be asked" in out
    assert "no answer within 5 s" in out
    town.admin.update("volta", models=["qwen3-32b"])
    assert codes(place) == ["verify.node-unread", "verify.key-scope"]
    place.write((place.folder / "fleet.toml").read_text() + "\n[keys.volta]\ngeneration = 2\n")
    assert codes(place) == ["verify.node-unread", "verify.key-scope"]  # a value that is not made yet is not asked with


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leave a node only some tools."""

    def only(*names: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("sh", "mktemp", "rm", "head", "sed", "tail", "cat", "timeout", "sha256sum", "tr", *names):
            (folder / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(folder))

    return only


def test_a_node_with_wget_alone(place: Place, town: Town, node: Node, tools: Callable[..., None]) -> None:
    if not shutil.which("wget"):
        pytest.skip("no GNU wget here")
    tools("wget")
    assert codes(place, "--live") == []
    assert {check["from"] for check in checks(place)} == {"node"}
    town.admin.update("volta", models=["qwen3-32b"])
    assert codes(place, "--live") == ["verify.key-scope"]
    town.second.stop()
    town.admin.update("volta", blocked=True)
    assert codes(place, "--live") == ["verify.key-refused", "verify.replica-dead"]


def test_a_node_with_neither(place: Place, town: Town, node: Node, tools: Callable[..., None]) -> None:
    tools()
    assert codes(place, "--live") == []
    assert "from here: the node has neither curl nor GNU wget" in place.run("verify", code=0)
    assert {check["from"] for check in checks(place)} == {"here"}
    write_key(place, "FLEETHUB_KEY_MAIN='sk-nobody-knows-this-one'")
    assert codes(place) == ["verify.wrong-key"]  # nobody else's key is asked with in its place


# questions and secrets


def test_a_node_that_is_not_in_the_spec(place: Place) -> None:
    out = place.run("verify", "tiltclaw", code=Exit.ERROR)
    assert "no node is called 'tiltclaw'; there are: volta" in out
    assert "--timeout goes with --live" in place.run("verify", "--timeout", "3", code=Exit.ERROR)


def test_another_seed_asks_nobody(place: Place, town: Town) -> None:
    place.seed("fhseed1_" + "0" * 43)
    town.first.requests.clear()
    assert "seed.mismatch" in place.run("verify", code=Exit.REFUSED)
    assert not town.first.requests


def test_without_master_key_and_seed_the_nodes_own_key_still_tells(place: Place, town: Town) -> None:
    place.edit("env:LITELLM_MASTER_KEY", "env:NOT_SET")
    (place.folder / "fleet.seed").unlink()
    assert [c for c in codes(place, "--live") if c.startswith("verify.")] == []
    town.admin.update("volta", models=["qwen3-32b"])
    assert "verify.key-scope" in codes(place)
    assert "or no such model is there" in place.run("verify")


@pytest.mark.parametrize("told", ["verify", "verify --live"])
@pytest.mark.parametrize("remote", [False, True], ids=["folder", "ssh"])
def test_the_key_shows_nowhere(
    remote: bool, told: str, place: Place, town: Town, request: pytest.FixtureRequest, capfd: Any, caplog: Any
) -> None:
    """Not even where a proxy says back what it was sent, in an error, a list or a status of 200."""
    caplog.set_level("DEBUG")
    key = place.env("volta")["FLEETHUB_KEY_MAIN"]
    node = request.getfixturevalue("node") if remote else None
    digest = town.admin.row("volta")["token"]
    answers = [
        Answer({"error": {"message": f"no: {key} {digest}", "type": key, "param": None, "code": "403"}}, 403),
        Answer({"data": [{"id": key}], "object": "list", "choices": [key]}),
        Answer(f"<p>{key}</p>".encode()),
    ]
    for answer in answers:
        for server in (town.first, town.second):
            server.routes["GET", "/v1/models"] = lambda _, a=answer: a
            server.routes["POST", "/v1/chat/completions"] = lambda _, a=answer: a
        for line in (told, f"--json {told}"):
            out = place.run(*line.split())
            assert key not in out
            assert str(digest) not in out
            assert place.code != Exit.BUG
    if node is not None:
        assert node.sent
        assert not any(key.encode() in data for data in (*node.sent, *node.got))
    captured = capfd.readouterr()
    assert key not in captured.out + captured.err + caplog.text
    assert not any(key.encode() in kept(p) for p in (place.folder / ".fleethub").rglob("*") if p.is_file())


@pytest.mark.parametrize("tool", ["curl", "wget"])
def test_no_command_line_has_the_key(
    tool: str, place: Place, node: Node, tools: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tools are called through a recorder of arguments and environment; no file stays behind."""
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp))
    real = shutil.which(tool)
    if real is None:
        pytest.skip(f"no {tool} here")
    tools()
    log = tmp_path / "log"
    recorder = tmp_path / "bin" / tool
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {log}\nset >> {log}\nexec {real} "$@"\n')
    recorder.chmod(0o755)
    assert codes(place, "--live") == []
    assert "chat/completions" in log.read_text()
    assert place.env("volta")["FLEETHUB_KEY_MAIN"] not in log.read_text()
    assert list(tmp.iterdir()) == []
