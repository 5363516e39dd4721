"""A type that a fleet brings with templates alone: used like a built-in one, told exactly where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub import nodetypes
from fleethub.fleetspec import load
from fleethub.kinds.node.attributes import NodeAttrs
from fleethub.kinds.node.delivery import ending
from fleethub.model.exit import Exit
from fleethub.model.observation import Locked, Source
from fleethub.model.trust import runs
from fleethub.rendering import load_templates, render
from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, fleet
from tests.support import MASTER, Place

TYPE = """\
title = "Chat"
key = "CHAT_KEY"
command = ["systemctl", "restart", "chat-{name}"]
stop = ["systemctl", "stop", "chat-{name}"]
[probe]
port = 8080
[files.env]
path = ".env"
format = "dotenv"
[files.settings]
path = "settings.json"
format = "json"
effect = "hot"
"""
TEMPLATES = {
    "env.j2": "{{ keys[0].name }}={{ keys[0].value | envquote }}\n",
    "settings.json.j2": '{"url": {{ hops[0].url | json }}, "model": {{ hops[0].id | json }}}\n',
}


def brought(folder: Path, text: str = TYPE, **templates: str) -> None:
    own = folder / "templates" / "chat"
    own.mkdir(parents=True, exist_ok=True)
    (own / "type.toml").write_text(text)
    for name, body in {**TEMPLATES, **templates}.items():
        (own / name.replace("settings.json.j2", "settings.j2")).write_text(body)


def spec(url: str = "http://llm.example:4000", **fields: object) -> Spec:
    made = fleet(url, name="own").table("defaults.node", type="chat", image=None)
    return made.node("web", "one", **fields)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("command =", "comand =", 3, '"comand" is no key'),
        ('"json"', '"xml"', 12, "must be 'json', 'yaml', 'dotenv' or 'text'"),
        ('"hot"', '"cold"', 13, "must be 'restart' or 'hot'"),
        ("chat-{name}", "{{.Names}}", 3, "command.3"),
        ('"stop", "chat-{name}"', '"stop", "chat-{nam}"', 4, "stop.3"),
        ('format = "json"', 'format = "json"\nmode = "0200"', 13, "its owner may read it"),
        ('".env"', '"/etc/passwd"', 8, "must be a relative path"),
        ('".env"', '"../x"', 8, "without .."),
        ('"settings.json"', '".env"', 11, "have one path"),
        ("8080", "0", 6, "1 or more"),
        ("8080", "8080\npath = 'health'", 7, 'like "/health"'),
        ('format = "dotenv"', 'format = "dotenv"\nmode = "0644"', 10, "lets others read it"),
        ('title = "Chat"', "title = ", 1, "not TOML"),
        ('title = "Chat"', 'title = "sk-0123456789abcdefghijklmnop"', 1, "secret"),
    ],
)
def test_a_type_that_is_wrong_is_told_by_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    brought(tmp_path, TYPE.replace(old, new, 1))
    (tmp_path / "fleet.toml").write_text(spec().text)
    loaded = load(tmp_path)
    assert loaded.fleet is None
    (found,) = loaded.findings
    assert found.place is not None
    assert (found.place.file, found.place.line) == ("templates/chat/type.toml", line)
    assert says in f"{found.message} {found.hint}"


def test_a_type_that_nobody_has_and_one_that_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(spec().text)
    assert [f.code for f in load(tmp_path).findings] == ["template.missing"]
    (tmp_path / "templates/chat").mkdir(parents=True)
    (tmp_path / "templates/chat/type.toml").symlink_to("/etc/hostname")
    assert "leads out" in load(tmp_path).findings[0].message


def test_its_command_and_stop_are_the_nodes_and_must_be_trusted(tmp_path: Path) -> None:
    brought(tmp_path)
    (tmp_path / "fleet.toml").write_text(spec().text)
    found = load(tmp_path).fleet
    assert found is not None
    node = found.nodes["web"]
    assert (node.command, node.stop, node.port) == (
        ("systemctl", "restart", "chat-web"), ("systemctl", "stop", "chat-web"), 8080,
    )  # fmt: skip
    assert {run.line for run in runs(found)} == {"systemctl restart chat-web", "systemctl stop chat-web"}
    kind = nodetypes.of(node)
    assert kind is not None
    assert (kind.probe(node).port, kind.probe(node).path) == (8080, "/health")


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("settings.json.j2", "{", "not JSON"),
        ("settings.json.j2", '{"k": "{{ keys[0].value }}"}', "only a file of the format dotenv"),
        ("env.j2", "KEY={{ keys[0].value }}\n", "is not NAME="),
    ],
)
def test_what_its_templates_give_is_judged(tmp_path: Path, name: str, body: str, says: str) -> None:
    brought(tmp_path, **{name: body})
    (tmp_path / "fleet.toml").write_text(spec().text)
    found = load(tmp_path).fleet
    assert found is not None
    rendered = render(found, found.nodes["web"], load_templates(tmp_path))
    assert [f.code for f in rendered.findings] == ["template.output"]
    assert says in rendered.findings[0].message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("a: [", "not YAML: expected the node content, but found '<stream end>' (line 1)"),
        ("url: {{ hops[0].url }}\n\tx: 1", "not YAML: found character '\\t' that cannot start any token (line 2)"),
        ("a: *nobody", "not YAML: found undefined alias 'nobody' (line 1)"),
        ("[" * 3000, "not YAML: it is nested too deeply"),
        ("k: {{ keys[0].value }}", "only a file of the format dotenv"),
        ("a: &x 1\nb: *x\n---\nc: !e 2024-01-01\n", ""),
    ],
)
def test_yaml_that_its_templates_give_is_yaml(tmp_path: Path, body: str, says: str) -> None:
    brought(tmp_path, TYPE.replace('"json"', '"yaml"').replace("settings.json", "settings.yaml"), settings=body)
    (tmp_path / "templates/chat/settings").rename(tmp_path / "templates/chat/settings.j2")
    (tmp_path / "fleet.toml").write_text(spec().text)
    found = load(tmp_path).fleet
    assert found is not None
    rendered = render(found, found.nodes["web"], load_templates(tmp_path))
    assert [f.code for f in rendered.findings] == (["template.output"] if says else [])
    assert not says or says in rendered.findings[0].message


def test_a_removed_node_is_ended_as_its_type_said() -> None:
    locked = Locked(Source("host", "ssh://ops@web/srv/web"), NodeAttrs(stop=("systemctl", "stop", "chat-web")))
    assert ending(locked)[:2] == (("systemctl", "stop", "chat-web"), ())


def test_a_life_without_product_code(tmp_path: Path) -> None:
    routes = [{"model_name": "one", "litellm_params": {"model": "openai/one"}, "model_info": {"id": "1"}}]
    with LiteLLM(models=routes, master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", spec(proxy.url).text)
        brought(place.folder)
        place.run("plan", "--detailed-exitcode", code=2)
        place.apply()
        place.plan_is_empty()
        file = place.folder / "nodes/web/settings.json"
        assert '"model": "one"' in file.read_text()
        assert "CHAT_KEY=" in (place.folder / "nodes/web/.env").read_text()
        assert (place.folder / "nodes/web/.env").stat().st_mode & 0o777 == 0o600
        file.write_text(file.read_text().replace('"one"', '"other"'))
        assert "settings.json model" in place.run("plan", code=Exit.FINE)
        place.apply()
        place.plan_is_empty()
        place.run("verify", code=0)
        place.run("destroy", "--auto-approve", code=0)
        assert not file.exists()
