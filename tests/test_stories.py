"""Stories that once went wrong: what is not ours stays, no key is ever empty, no node is told what was not proved."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fleethub.model.address import key
from fleethub.model.exit import Exit
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from fleethub.testing.tangleclaw import Project, TangleClaw
from tests.fleets import direct, fleet
from tests.proxies import Admin, chat
from tests.support import MASTER, Place, recorded
from tests.test_laws import TAGS, World, head

MODELS = "\n".join(
    f'[models."{alias}"]\nbackends = ["gpu"]\nroute = "ollama_chat/{tag}"\ncontext = 32768'
    for alias, tag in TAGS.items()
)
NODE = '\n[nodes.a]\nhost = "a"\nmodel = "qwen3-32b"\n'


@pytest.fixture
def admin(world: World) -> Admin:
    world.admin.wipe()
    return world.admin


@pytest.fixture
def place(world: World, admin: Admin, tmp_path: Path) -> Place:
    return world.place(tmp_path, MODELS + NODE)


def test_a_key_whose_models_are_all_refused_is_not_made(place: Place, admin: Admin) -> None:
    place.apply()
    place.write((place.folder / "fleet.toml").read_text() + '[nodes.b]\nhost = "b"\nmodel = "gpt-oss-120b"\n')
    place.run("apply", "--auto-approve", code=Exit.REFUSED)
    assert admin.rows("b") == []


def test_what_may_live_on_is_not_called_gone_by_a_revocation_without_the_seed(place: Place, admin: Admin) -> None:
    place.apply()
    mark = dict(admin.row("a")["metadata"])  # type: ignore[call-overload]
    (place.folder / "fleet.seed").unlink()
    admin.update("a", metadata={})
    told = place.run("revoke", "a", "--yes", code=Exit.ERROR)
    assert "key.main.a may live on" in told
    assert len(admin.rows("a")) == 1
    assert not place.lockfile.resources[key("main", "a")].revoked
    admin.update("a", metadata=mark)
    assert "deleted" in place.run("revoke", "a", "--yes", code=0)
    assert admin.rows("a") == []


def test_a_key_made_by_hand_in_the_place_of_ours_is_not_deleted(place: Place, admin: Admin) -> None:
    place.apply()
    admin.delete("a")
    admin.generate(key_alias="a", models=["qwen3-32b"])
    assert "key.alias-taken" in place.run("plan", code=Exit.REFUSED)
    place.edit(NODE, "")
    place.apply()
    assert len(admin.rows("a")) == 1
    place.run("destroy", "--auto-approve", code=0)
    assert len(admin.rows("a")) == 1


def test_an_env_file_of_another_name_is_still_gated(place: Place, admin: Admin, world: World) -> None:
    place.edit('model = "qwen3-32b"\n', 'model = "qwen3-32b"\nfiles = { env = "gateway.vars" }\n')
    place.apply()
    admin.generate(key_alias="taken", models=["qwen3-32b"])
    before = (place.folder / "nodes/a/gateway.vars").read_bytes()
    place.edit('host = "a"', 'host = "a"\nkey = "taken"')
    place.run("apply", "--auto-approve", code=Exit.REFUSED)
    assert (place.folder / "nodes/a/gateway.vars").read_bytes() == before
    assert len(admin.rows("a")) == 1


def test_a_proxy_that_moves_to_where_the_key_is_not_rewires_nobody(place: Place, world: World) -> None:
    place.apply()
    before = (place.folder / "nodes/a/openclaw.json").read_bytes()
    with LiteLLM(models=world.proxy.replica.config_models, master_key=MASTER) as other:
        place.edit(world.proxy.url, other.url)
        assert "was made at" in place.run("apply", "--auto-approve")
    assert (place.folder / "nodes/a/openclaw.json").read_bytes() == before


def test_a_renamed_node_keeps_the_files_of_the_same_target(place: Place, admin: Admin) -> None:
    place.edit('host = "a"', 'host = "a"\ntarget = "nodes/{host}"')
    place.apply()
    place.edit("[nodes.a]", "[nodes.alpha]")
    place.apply()
    place.plan_is_empty()
    assert (place.folder / "nodes/a/openclaw.json").exists()
    assert admin.rows("a") == []
    assert admin.row("alpha")["models"] == ["qwen3-32b"]


def test_routes_that_are_no_longer_managed_stay_for_who_uses_them(tmp_path: Path) -> None:
    with LiteLLM(master_key=MASTER, store_models=True) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url, manage_routes=True).node("a", "cl").text)
        place.apply()
        place.edit("manage_routes = true\n", "")
        place.apply()
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_MAIN"], "cl")[0] == 200
        place.plan_is_empty()


def test_another_fleets_routes_are_left_alone(tmp_path: Path) -> None:
    with LiteLLM(master_key=MASTER, store_models=True) as proxy:
        for name in ("one", "two"):
            spec = fleet(proxy.url, name=name, manage_routes=True).model("m", route=f"openai/{name}")
            Place(tmp_path / name, spec.key(name, models=["m"]).text).apply()
        shown = Admin(proxy.url).http.get("/model/info").json()["data"]
        assert [m["litellm_params"]["model"] for m in shown] == ["openai/one"]


@pytest.mark.parametrize(("step", "shown"), [("mv $in $here/next", "~ node.a"), ("mv -f", "= node.a")])
def test_a_delivery_that_broke_off_is_made_again_or_goes_on(
    step: str, shown: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it was committed, the node has its old set; after that, the next contact finishes it."""
    from fleethub.clients.host import scripts

    place.apply()
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    with monkeypatch.context() as broken:
        broken.setattr("fleethub.clients.host.target.place", lambda folder, bundle, holder: False)
        broken.setattr(scripts, "DELIVER", scripts.DELIVER.replace(step, "false"))
        place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert shown in place.run("plan", "--detailed-exitcode", code=Exit.CHANGES)
    place.apply()
    place.plan_is_empty()


def test_without_the_seed_nothing_is_removed_or_forgotten(place: Place, admin: Admin) -> None:
    place.apply()
    (place.folder / "fleet.seed").rename(place.folder / "elsewhere")
    place.run("destroy", "--auto-approve")
    assert place.code in (Exit.ERROR, Exit.PARTIAL)
    assert (place.folder / "nodes/a/.env").exists()
    assert "node.a" in (place.folder / "fleet.lock").read_text()
    (place.folder / "elsewhere").rename(place.folder / "fleet.seed")
    place.run("destroy", "--auto-approve", code=0)
    assert not (place.folder / "nodes/a/.env").exists()


@pytest.mark.parametrize(
    "argv",
    [("validate",), ("plan", "--detailed-exitcode"), ("status",), ("show", "node.a"), ("observe",), ("capacity",),
     ("verify",), ("apply",), ("destroy",), ("init",), ("assign", "a", "nope"), ("show", "node.nobody"), ("nope",)],
)  # fmt: skip
def test_the_last_line_for_machines_is_a_summary(place: Place, argv: tuple[str, ...]) -> None:
    for wrong in (False, True):
        out = place.run("--json", *argv)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        last = json.loads(lines[-1])
        assert (last["type"], last["exit"]) == ("summary", place.code)
        if not wrong:
            place.seed("fhseed1_malformed")


def test_destroy_of_what_was_never_applied_has_nothing_to_do(place: Place, world: World) -> None:
    with recorded() as sent:
        out = place.run("destroy", "--auto-approve", code=0)
    assert "Nothing to destroy" in out
    assert "create" not in out
    assert {path for method, path in sent if method != "GET"} <= {"/api/show"}  # Ollama's way of reading
    place.edit(world.proxy.url, "http://127.0.0.1:9")
    assert "elsewhere is unknown: http://127.0.0.1:9" in place.run("destroy", "--auto-approve", code=1)


def test_a_destroy_that_cannot_know_shows_nothing_that_would_be_made(place: Place, world: World) -> None:
    """With one proxy of two unread it showed what an apply would create, and ended with 0."""
    away = '[proxies.away]\nurl = "http://127.0.0.1:9"\nmaster_key = ["env:LITELLM_MASTER_KEY"]\n'
    with (place.folder / "fleet.toml").open("a") as spec:
        spec.write(f"\n{away}")
    for command in (("destroy", "--plan"), ("destroy", "--auto-approve")):
        said = place.run(*command, code=1)
        assert "state.unsure" in said
        assert "create" not in said
        assert "  + " not in said


def test_destroy_heeds_protection_and_a_lost_lockfile(place: Place) -> None:
    place.apply()
    place.edit('host = "a"', 'host = "a"\nprotected = true')
    assert "resource.protected" in place.run("destroy", "--auto-approve")
    assert (place.folder / "nodes/a/.env").exists()
    (place.folder / "fleet.lock").unlink()
    assert "state.lost" in place.run("destroy", "--auto-approve", code=Exit.STALE)


def test_neither_seed_nor_master_key_reaches_a_node(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.edit('host = "a"', 'host = "a"\nenv = { X = "env:LITELLM_MASTER_KEY" }')
    assert "node.env-forbidden" in place.run("validate", code=Exit.ERROR)
    monkeypatch.setenv("OTHER_NAME", MASTER)
    place.edit('env:LITELLM_MASTER_KEY" }', 'env:OTHER_NAME" }')
    out = place.run("apply", "--auto-approve", code=Exit.PARTIAL)
    assert "which no node may have" in out
    assert not (place.folder / "nodes/a/.env").exists()


@pytest.mark.parametrize("alias", ["all-proxy-models", "gpt-*", "*"])
def test_names_that_mean_more_than_one_model_are_refused(place: Place, alias: str) -> None:
    text = (place.folder / "fleet.toml").read_text()
    place.write(text + f'[models."{alias}"]\nproxy = "main"\nroute = "openai/x"\ncontext = 32768\n')
    assert "spec.name" in place.run("validate", code=Exit.ERROR)


def test_targets_do_not_nest(place: Place) -> None:
    for target in ("nodes/a/.fleethub/x", "nodes/a/b"):
        text = (place.folder / "fleet.toml").read_text()
        place.write(text + f'[nodes.b]\nhost = "b"\nmodel = "qwen3-32b"\ntarget = "{target}"\n')
        place.run("validate", code=Exit.ERROR)
        place.write(text)


def test_git_is_asked_about_every_file_with_secrets(place: Place) -> None:
    subprocess.run(["git", "init", "-q", str(place.folder)], check=True)
    (place.folder / ".gitignore").write_text(".env\n")
    assert "node.env-tracked" not in place.run("plan")
    place.edit('host = "a"', 'host = "a"\nfiles = { env = "gateway.vars" }')
    assert "node.env-tracked" in place.run("plan", code=Exit.REFUSED)
    assert "write nodes/a/gateway.vars and .fleethub/ into .gitignore" in place.out
    (place.folder / ".gitignore").write_text("nodes/a/gateway.vars\n.fleethub/\n")
    place.run("plan", code=0)
    (place.folder / ".gitignore").write_text("nodes/*/gateway.vars\n")
    assert ".fleethub/applied/gateway.vars" in place.run("plan", code=Exit.REFUSED)
    (place.folder / ".gitignore").write_text("nodes/\n")
    place.run("plan", code=0)
    (place.folder / ".git/index").write_bytes(b"garbage")
    assert "is not known" in place.run("plan", code=Exit.REFUSED)


def test_a_larger_context_that_the_route_does_not_load_is_no_growth(place: Place, world: World) -> None:
    place.apply()
    place.edit("context = 32768", "context = 131072")  # of the first model, which node a runs
    assert "route.context-differs" in place.run("plan", code=Exit.FINE)
    assert "capacity." not in place.out


def test_what_a_refused_spec_leaves_running_stays_admitted(place: Place, admin: Admin) -> None:
    place.apply()
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-120b"')
    place.run("apply", "--auto-approve", code=Exit.REFUSED)
    place.edit('model = "gpt-oss-120b"', 'model = "qwen3-32b"')
    place.edit("openclaw:2026.9.6", "openclaw:2026.9.7")
    place.apply()
    assert place.env("a")["OPENCLAW_IMAGE"].endswith("2026.9.7")
    place.plan_is_empty()


def test_a_blocked_key_comes_back_with_a_raised_generation(place: Place, admin: Admin) -> None:
    place.apply()
    value = place.env("a")["FLEETHUB_KEY_MAIN"]
    admin.update("a", blocked=True)
    assert "key.revoked" in place.apply()
    place.write((place.folder / "fleet.toml").read_text() + "[keys.a]\ngeneration = 2\n")
    place.apply()
    assert place.env("a")["FLEETHUB_KEY_MAIN"] != value
    assert not admin.row("a")["blocked"]
    place.plan_is_empty()


def test_a_hand_change_to_what_the_spec_wants_is_only_recorded(place: Place, admin: Admin) -> None:
    place.apply()
    place.edit('drift = "repair"', 'drift = "stop"')
    place.write((place.folder / "fleet.toml").read_text() + "[keys.a]\nrpm = 7\n")
    admin.update("a", rpm_limit=7)
    place.apply()
    place.plan_is_empty()


def test_a_watcher_that_goes_away_does_not_stop_an_apply(place: Place) -> None:
    from fleethub.operations import apply
    from fleethub.operations.workplace import Workplace

    def gone(event: object) -> None:
        raise BrokenPipeError

    import os

    os.environ["LITELLM_MASTER_KEY"] = MASTER
    with Workplace(place.folder) as workplace:
        asked = apply.ApplyInput()
        result = apply.run(workplace, apply.prepare(workplace, asked).data, asked, (gone,)).data
    del os.environ["LITELLM_MASTER_KEY"]
    assert not result.failed
    place.plan_is_empty()


def test_a_proxy_that_echoes_the_master_key_does_not_get_it_shown(place: Place, world: World) -> None:
    world.proxy.mangle = lambda path, body: body
    try:
        place.apply()
    finally:
        world.proxy.mangle = None
    import http.server
    import threading

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(400)
            self.end_headers()
            said = {"error": {"message": f"bad header {self.headers.get('Authorization')}"}}
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.edit(world.proxy.url, f"http://127.0.0.1:{server.server_port}")
    out = place.run("plan", code=Exit.ERROR)
    server.shutdown()
    server.server_close()
    assert MASTER not in out
    assert "HTTP 400" in out


def test_files_written_while_the_operator_thinks_are_not_overwritten(place: Place) -> None:
    import os

    from fleethub.operations import apply
    from fleethub.operations.held import StalePlan
    from fleethub.operations.workplace import Workplace

    os.environ["LITELLM_MASTER_KEY"] = MASTER
    with Workplace(place.folder) as workplace:
        asked = apply.ApplyInput()
        held = apply.prepare(workplace, asked).data
        (place.folder / "nodes/a").mkdir(parents=True)
        (place.folder / "nodes/a/.env").write_text("MINE='1'\n")
        with pytest.raises(StalePlan, match=r"node\.a"):
            apply.run(workplace, held, asked)
        result = apply.run(workplace, held, asked, again=False).data
    del os.environ["LITELLM_MASTER_KEY"]
    assert any("changed since the plan was made" in why for _, why in result.failed)
    assert (place.folder / "nodes/a/.env").read_text() == "MINE='1'\n"


def test_an_odd_lockfile_is_damaged_not_a_bug(place: Place) -> None:
    place.apply()
    text = (place.folder / "fleet.lock").read_text()
    for old, new in (
        ('"node.a"', '"backend.a"'),
        ('system = "host"', 'system = "bogus"'),
        ('".env"', '"/etc/passwd"'),
        (text, ""),
    ):
        assert old in text
        (place.folder / "fleet.lock").write_text(text.replace(old, new))
        assert "damaged" in place.run("plan", code=Exit.ERROR)


def test_render_does_not_overwrite_living_nodes(place: Place) -> None:
    place.apply()
    before = place.bytes()
    place.run("render", "-o", str(place.folder / "nodes"), code=Exit.ERROR)
    assert place.bytes() == before


def test_two_models_on_an_ollama_without_a_proxy(tmp_path: Path) -> None:
    from fleethub.testing.catalog import ALL

    with Ollama(models=ALL) as ollama:
        place = Place(tmp_path / "fleet", fleet(None, ollama=ollama.url).node("a", direct("llama3.1-8b")).text)
        place.apply()
        place.plan_is_empty()
        assert "FLEETHUB_KEY_MAIN" not in place.env("a")


def test_a_backend_and_its_nodes_removed_in_one_commit(place: Place, admin: Admin) -> None:
    place.apply()
    text = (place.folder / "fleet.toml").read_text()
    place.write(text[: text.index("[backends.gpu]")])
    out = place.run("plan", code=0)
    assert "Deletes 1 key; deletes 1 node." in out
    place.apply()
    place.plan_is_empty()
    assert admin.rows() == []
    assert not place.lockfile.resources
    assert not place.lockfile.planned
    assert not (place.folder / "nodes/a/.env").exists()


def test_a_proxy_and_all_its_things_removed_in_one_commit(place: Place, admin: Admin) -> None:
    place.apply()
    text = (place.folder / "fleet.toml").read_text()
    place.write(text[: text.index("[proxies.main]")])
    place.apply()
    place.plan_is_empty()
    assert admin.rows() == []


def test_a_node_that_changes_its_key_is_not_told_a_key_that_could_not_be_made(place: Place, admin: Admin) -> None:
    """Its model is refused as a newcomer on a second backend, so the new key is not made either."""
    place.apply()
    text = (place.folder / "fleet.toml").read_text()
    small = '[backends.small]\nhost = "small"\nproxy = "main"\ngpus = [{ name = "tiny", vram = "8 GiB" }]\n'
    url = text.partition("[backends.gpu.ollama]\nurl = ")[2].partition("\n")[0]
    text = text.replace("[backends.gpu]", f"{small}[backends.small.ollama]\nurl = {url}\n[backends.gpu]")
    text = text.replace('backends = ["gpu"]', 'backends = ["gpu", "small"]', 1)
    place.write(text.replace('host = "a"', 'host = "a"\nkey = "other"'))
    before = place.env("a")
    place.run("apply", "--auto-approve", code=Exit.REFUSED)
    assert place.env("a") == before
    assert admin.row("a")["models"] == ["qwen3-32b"]
    assert admin.rows("other") == []


def test_two_clones_that_reach_the_same_serial_are_told_apart(place: Place, admin: Admin, tmp_path: Path) -> None:
    text = (place.folder / "fleet.toml").read_text()
    place.write(text + '[keys.web]\nmodels = ["llama3.1-8b"]\n[keys.old]\nmodels = ["llama3.1-8b"]\n')
    place.apply()
    other = place.clone(tmp_path / "other")
    place.edit('[keys.old]\nmodels = ["llama3.1-8b"]\n', "")
    place.apply()  # a delete leaves no mark
    other.edit('[keys.web]\nmodels = ["llama3.1-8b"]', '[keys.web]\nmodels = ["qwen3-32b"]')
    other.apply()
    assert place.lockfile.serial == other.lockfile.serial == 2
    assert "state.behind" in place.run("apply", "--auto-approve", code=Exit.STALE)
    assert admin.row("web")["models"] == ["qwen3-32b"]


def test_what_is_loaded_counts_is_said_and_is_remembered(tmp_path: Path) -> None:
    """Measured sizes replace estimates, a stranger and a spill are told, and a server that is down is not forgotten."""
    ollama = Ollama(models=ALL, vram=24 << 30)
    params = {"api_base": ollama.url, "num_ctx": 4096}
    routes = [{"model_name": a, "litellm_params": {"model": f"ollama_chat/{t}", **params}} for a, t in TAGS.items()]
    with LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", head(proxy.url, ollama.url).replace('"48 GiB"', '"24 GiB"') + MODELS + NODE)
        place.apply()
        assert "Nothing to do" in place.run("plan", code=Exit.FINE)

        ollama.load("qwen3:32b", 4096)
        ollama.load("nomic-embed-text:latest", 2048)
        resident, stranger = ollama.residents.values()
        text = place.run("plan", code=Exit.FINE)
        assert "capacity.unplanned" in text
        assert stranger.name in text
        assert "capacity.estimate-off" not in text
        assert f'"bytes": {resident.size}' in place.run("--json", "capacity", "gpu", code=Exit.FINE)
        assert "measured" in place.run("capacity", "gpu", code=Exit.FINE)

        ollama.residents.clear()
        ollama.load("qwen3:32b", 32768)
        (resident,) = ollama.residents.values()
        assert resident.spilled
        assert "capacity.spilled" in place.run("plan", code=Exit.FINE)

        ollama.stop()
        text = place.run("capacity", "gpu", code=Exit.FINE)
        assert "not observed: judged from what an earlier command saw" in text
        assert "measured" in text


GUIDE = 'files = { fleethub = "workspace/FLEETHUB.md" }\n'


def test_a_text_for_the_nodes_agents_comes_stays_and_goes_as_the_other_files_do(place: Place) -> None:
    place.apply()
    file = place.folder / "nodes/a/workspace/FLEETHUB.md"
    place.edit(NODE, NODE + GUIDE)
    out = place.run("plan", "--detailed-exitcode", code=Exit.CHANGES)
    assert "read at the next session" in out
    assert "container recreated" not in out
    place.apply()
    place.plan_is_empty()
    assert file.stat().st_mode & 0o777 == 0o644
    assert "`qwen3-32b`, by the LiteLLM proxy `main`" in file.read_text()
    assert place.env("a")["FLEETHUB_KEY_MAIN"] not in file.read_text()
    file.write_text("an agent's own words")
    assert "workspace/FLEETHUB.md changed" in place.run("plan", "--detailed-exitcode", code=Exit.CHANGES)
    place.apply()
    assert "`qwen3-32b`" in file.read_text()
    place.edit(GUIDE, "")
    place.apply()
    place.plan_is_empty()
    assert not file.exists()


def test_a_text_for_the_nodes_agents_needs_no_proof(place: Place, world: World) -> None:
    place.apply()
    place.edit(NODE, NODE + GUIDE)
    before = len(world.proxy.requests)
    done = place.json("apply", "--auto-approve")[-1]
    assert [step.partition("/")[2] for step in done["done"]] == ["deliver", "settle"]
    assert all(record.method == "GET" for record in world.proxy.requests[before:])


def test_a_file_of_somebody_else_is_not_overwritten_by_a_new_one_of_the_node(place: Place) -> None:
    place.apply()
    file = place.folder / "nodes/a/workspace/FLEETHUB.md"
    file.write_text("mine")
    place.edit(NODE, NODE + GUIDE)
    assert "node.target-taken" in place.run("apply", "--auto-approve", code=Exit.REFUSED)
    assert file.read_text() == "mine"
    file.unlink()
    place.apply()
    place.plan_is_empty()


def test_a_removed_node_takes_its_text_along(place: Place) -> None:
    place.edit(NODE, NODE + GUIDE)
    place.apply()
    place.edit(NODE + GUIDE, "")
    place.apply()
    assert not (place.folder / "nodes/a/workspace/FLEETHUB.md").exists()


def test_an_apply_tells_tangleclaw_when_the_document_changed_and_only_then(place: Place) -> None:
    place.apply()
    with TangleClaw(projects=[Project(7, "alpha", listening=True)]) as server:
        place.run("tangleclaw", "register", "--api", server.url, "--member", "7", code=0)
        place.apply()
        assert server.state.notified == []
        place.edit('model = "qwen3-32b"\n', 'model = "gpt-oss-20b"\n')
        assert "TangleClaw was told; 1 live session" in place.apply()
        assert server.state.notified == ["FLEETHUB"]
        place.edit('model = "gpt-oss-20b"\n', 'model = "qwen3-32b"\n')
        server.stop()
        assert "TangleClaw was not told (unreachable" in place.apply()
    assert "a: qwen3-32b" in (place.folder / "FLEETHUB.md").read_text()


def test_who_only_looks_sends_a_proxy_nothing_but_reads(place: Place) -> None:
    for command in (("status",), ("observe",), ("show", "node.a")):
        with recorded() as sent:
            place.run(*command)
        assert {path for method, path in sent if method != "GET"} <= {"/api/show"}, command
