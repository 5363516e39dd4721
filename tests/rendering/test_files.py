"""A node's files as they are written, node by node; and what is said when they cannot be."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_fleets import NODES, changed, fleet, node
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from fleethub import nodetypes
from fleethub.model.consuming import Hop
from fleethub.model.finding import Severity
from fleethub.model.secret import Derived, SecretRef
from fleethub.rendering import load_schemas, load_templates, render


class Plain(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def files(rendered):
    return {file.role: file for file in rendered.files}


def codes(rendered):
    return [finding.code for finding in rendered.findings]


@pytest.mark.parametrize("which", NODES)
def test_files(which, templates, snapshot):
    rendered = render(fleet(), NODES[which], templates)
    assert rendered.findings == ()
    shown = [f"chain: {', '.join(rendered.chain)}"]
    for file in rendered.files:
        text = "".join(p if isinstance(p, str) else f"<{p}>" for p in file.text)
        shown.append(f"##### {file.role}: {file.path} {file.mode:04o} ({file.consequence})\n{text}")
    assert "\n".join(shown) == snapshot(extension_class=Plain)


def test_files_come_in_the_order_in_which_they_are_renamed(templates):
    assert [f.role for f in render(fleet(), NODES["docker"], templates).files] == [
        "env",
        "compose",
        "openclaw",
    ]
    assert [f.role for f in render(fleet(), NODES["native"], templates).files] == ["env", "openclaw"]


def test_a_keys_generation_is_its_blocks_and_a_tokens_is_the_nodes(templates):
    slots = files(render(fleet(), changed(generation=5), templates))["env"].text.slots
    assert slots == (Derived("gateway", "monad", "", "volta", 5), Derived("key", "monad", "main", "volta", 2))


def test_a_native_node_without_an_absolute_target_gets_no_paths(templates):
    for target in ("nodes/tiltclaw", "ssh://ops@h/~/openclaw"):
        env = files(render(fleet(), changed("native", target=target), templates))["env"].text.display()
        assert "OPENCLAW_CONFIG_PATH" not in env


plain = st.text(st.characters(exclude_characters="'\n\r\0", codec="utf-8"), max_size=20)
reference = st.builds(lambda name: SecretRef((f"env:{name}",)), st.text("ABC", min_size=1, max_size=4))
names = st.text("ABCDEFG_", min_size=1, max_size=8).map(lambda name: f"MY_{name}")
HOPS = (*NODES["docker"].chain, *NODES["two-proxies"].chain[:1], NODES["two-proxies"].chain[2])


@given(
    st.lists(st.sampled_from(HOPS), min_size=1, max_size=4, unique=True),
    st.dictionaries(names, st.one_of(plain, reference), max_size=4),
    st.sampled_from(["openclaw-docker", "openclaw-native"]),
    st.sampled_from(["whole", "wiring"]),
)
def test_rendering_is_deterministic_and_slots_stay_in_the_env_file(templates, chain, env, kind, manage):
    one = node(type=kind, chain=tuple(chain), env=env, manage=manage)
    other = node(type=kind, chain=tuple(chain), env=dict(reversed(env.items())), manage=manage)
    rendered = render(fleet(), one, templates)
    assert rendered == render(fleet(), other, templates)
    assert rendered.findings == ()
    assert len(rendered.chain) == len(chain)
    for file in rendered.files:
        assert file.role == "env" or file.text.slots == ()
    proxied = {hop.model in ("gemma3-27b",) for hop in chain if not hop.direct}
    references = sum(isinstance(value, SecretRef) for value in env.values())
    assert len(files(rendered)["env"].text.slots) == 1 + len(proxied) + references


@pytest.mark.parametrize(
    ("name", "source", "code"),
    [
        ("compose.yaml.j2", "services: {a: {environment: {T: '{{ gateway_token }}'}}}", "template.output"),
        ("openclaw.json.j2", '{"a": "{{ keys[0].value }}"}', "template.output"),
        ("openclaw.json.j2", '{"a": {{ gateway_token | envquote }}}', "template.output"),
        ("openclaw.json.j2", "{", "template.output"),
        ("openclaw.json.j2", "[]", "template.output"),
        ("openclaw.json.j2", '{"a": 1, "a": 2}', "template.output"),
        ("openclaw.json.j2", '{"a": NaN}', "template.output"),
        pytest.param("openclaw.json.j2", "[" * 100_000, "template.output", id="without-end"),
        ("compose.yaml.j2", "", "template.output"),
        ("env.j2", "A B", "template.output"),
        ("env.j2", "A='1'\nA='2'\n", "template.output"),
        ("env.j2", "A={{ gateway_token }}\n", "template.output"),
        ("env.j2", 'A="{{ gateway_token }}"\n', "template.output"),
        ("env.j2", "A='1'\n", "node.config-check"),
        ("env.j2", "{{ master_key }}", "template.failed"),
        ("env.j2", "{{ fleet.key_seed }}", "template.failed"),
        ("env.j2", "{{ fleet.proxies }}", "template.failed"),
        ("env.j2", "{{ node.env }}", "template.failed"),
        ("env.j2", "{% include '/etc/passwd' %}", "template.failed"),
    ],
)
def test_a_fleets_own_template_that_goes_wrong(tmp_path, name, source, code):
    own = tmp_path / "templates" / "openclaw-docker"
    own.mkdir(parents=True)
    (own / name).write_text(source)
    rendered = render(fleet(), NODES["docker"], load_templates(tmp_path))
    assert code in codes(rendered)
    assert all(finding.severity is Severity.ERROR for finding in rendered.findings)
    if code.startswith("template"):
        assert f"templates/openclaw-docker/{name}" in rendered.findings[-1].message


def test_a_fleets_template_replaces_one_file_and_may_include_its_own(tmp_path):
    own = tmp_path / "templates" / "openclaw-docker"
    own.mkdir(parents=True)
    (own / "openclaw.json.j2").write_text((Path("templates/openclaw-docker/openclaw.json.j2")).read_text())
    (own / "compose.yaml.j2").write_text("services:\n{% include 'one.j2' %}\n")
    (own / "one.j2").write_text("  a: {image: {{ node.image | yaml }}}")
    (tmp_path / "templates" / "unknown-type").mkdir()
    (tmp_path / "templates" / "unknown-type" / "env.j2").write_text("x")
    found = load_templates(tmp_path)
    assert {kind for kind, _ in found} == {*nodetypes.names()}
    rendered = render(fleet(), NODES["docker"], found)
    assert rendered.findings == ()
    expected = 'services:\n  a: {image: "ghcr.io/openclaw/openclaw:2026.9.6"}\n'
    assert files(rendered)["compose"].text.display() == expected


def test_templates_that_cannot_be_read_are_findings(tmp_path):
    own = tmp_path / "templates" / "openclaw-docker"
    own.mkdir(parents=True)
    (own / "env.j2").write_bytes(b"\xff\xfe")
    (own / "compose.yaml.j2").symlink_to("/etc/passwd")
    rendered = render(fleet(), NODES["docker"], load_templates(tmp_path))
    assert codes(rendered) == ["template.failed", "template.failed"]
    assert "not UTF-8" in rendered.findings[0].message
    assert "leads out of its folder" in rendered.findings[1].message


def test_no_template_no_type_no_wiring(templates):
    less = {key: text for key, text in templates.items() if key[1] != "env.j2"}
    assert codes(render(fleet(), NODES["docker"], less)) == ["template.missing"]
    assert codes(render(fleet(), changed(type="vllm"), templates)) == ["template.missing"]
    for hop in (Hop(model="gone"), Hop(model="llama3.1-8b", backend="gone", endpoint="ollama")):
        assert codes(render(fleet(), changed(chain=(hop,)), templates)) == ["node.dangling-model"]


def test_findings_name_the_node_and_its_place(templates):
    rendered = render(fleet(), changed(settings={"gateway": {"auth": {"mode": "none"}}}), templates)
    (finding,) = rendered.findings
    assert finding.code == "node.bind-open"
    assert str(finding.address) == "node.volta"
    assert str(finding.place) == "fleet.toml:40:1"


def test_an_env_value_that_cannot_be_quoted(templates):
    rendered = render(fleet(), changed(env={"A": "it's"}), templates)
    assert codes(rendered) == ["node.env-quote"]


def test_a_date_in_the_nodes_openclaw_table(templates):
    import datetime

    rendered = render(fleet(), changed(settings={"a": datetime.date(2026, 1, 1)}), templates)
    assert codes(rendered) == ["template.output"]


def test_the_page_is_let_in_through_every_tunnel_to_nodes_on_one_port(templates):
    """TangleClaw gives each connection a local port of its own, from 18789 on, whatever the node's is."""
    for port in (18789, 20000):
        node = changed(settings={}, origins=("http://127.0.0.1:18850",), port=port)
        config = json.loads(files(render(fleet(), node, templates))["openclaw"].text.display())
        allowed = config["gateway"]["controlUi"]["allowedOrigins"]
        tunnels = {f"http://127.0.0.1:{local}" for local in (18789, 18790, 18791, 18804, 18850, port)}
        assert tunnels <= {*allowed}
        assert not [one for one in allowed if "*" in one]


def test_merging_replaces_lists_and_goes_into_tables(templates):
    over = {"gateway": {"controlUi": {"allowedOrigins": []}, "port": 20000}, "tools": {"deny": ["exec"]}}
    config = json.loads(files(render(fleet(), changed(settings=over), templates))["openclaw"].text.display())
    assert config["gateway"]["controlUi"] == {"allowedOrigins": []}
    assert config["gateway"]["port"] == 20000
    assert config["gateway"]["mode"] == "local"
    assert config["tools"] == {"deny": ["exec"]}


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "agents": {"type": "object"},
        "models": {"type": "object"},
        "gateway": {"type": "object", "properties": {"port": {"type": "integer"}, "bind": {"enum": ["lan"]}}},
        "channels": {"additionalProperties": {"type": "object", "required": ["dmPolicy"]}},
    },
}


def published(folder, schema, **openclaw):
    (folder / "schemas").mkdir(exist_ok=True)
    text = schema if isinstance(schema, str) else json.dumps(schema)
    (folder / "schemas/openclaw-2026.9.6.json").write_text(text)
    node = replace(NODES["docker"], settings=openclaw)
    return render(fleet(), node, load_templates(folder), load_schemas(folder))


def test_a_config_is_held_against_the_published_schema_of_its_version(tmp_path):
    assert published(tmp_path, SCHEMA, channels={"x": {}}).findings == ()  # the validator gives it its default
    wrong = {"gateway": {"bind": "canary-value", "port": "canary-value"}, "surplus": 1}
    found = published(tmp_path, SCHEMA, **wrong).findings
    assert {f.code for f in found} == {"node.config-schema"}
    assert sorted(f.message.removeprefix("openclaw.json does not fit OpenClaw 2026.9.6: ") for f in found) == [
        'gateway.bind: enum must be ["lan"]',
        'gateway.port: type must be "integer"',
        "the whole: Additional properties are not allowed ('surplus' was unexpected)",
    ]


def test_another_version_has_another_schema(tmp_path):
    published(tmp_path, {"required": ["never"]})
    for image in ("ghcr.io/openclaw/openclaw:2026.9.60", "openclaw/openclaw:latest", "x:2026.9.6-slim@sha256:ab"):
        node = replace(NODES["docker"], image=image)
        found = render(fleet(), node, load_templates(tmp_path), load_schemas(tmp_path)).findings
        assert bool(found) is image.startswith("x:")


@pytest.mark.parametrize("ref", ["http://{here}/schema", "file://{folder}/private.json", "#/definitions/none"])
def test_what_a_schema_refers_to_outside_itself_is_neither_fetched_nor_opened(tmp_path, ref):
    (tmp_path / "private.json").write_text('{"enum": ["canary"]}')
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0.01)
        where = ref.format(here=f"127.0.0.1:{door.getsockname()[1]}", folder=tmp_path)
        (found,) = published(tmp_path, {"properties": {"gateway": {"$ref": where}}}).findings
        with pytest.raises(TimeoutError):
            door.accept()
    assert found.code == "node.config-schema"
    assert "which is not in it" in found.message
    assert "canary" not in found.message


@pytest.mark.parametrize("schema", [{"type": 5}, {"properties": 3}, {"$ref": "#"}, {"required": 7}, {"$ref": 1}])
def test_a_schema_that_is_broken_is_told(tmp_path, schema):
    (found,) = published(tmp_path, schema).findings
    assert found.code == "node.config-schema"
    assert "schemas/openclaw-2026.9.6.json cannot be used as a JSON Schema" in found.message


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100000])
def test_a_schema_that_is_none_is_told(tmp_path, text):
    (found,) = published(tmp_path, text).findings
    assert found.code == "node.config-schema"
    assert "openclaw config schema > schemas/openclaw-2026.9.6.json" in found.hint
