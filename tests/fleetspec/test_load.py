"""load: the design's example, merging, includes, files, and what comes out resolved."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.model.consuming import Hop
from fleethub.model.fleet import Fleet
from fleethub.model.secret import SecretRef

EXAMPLE = Path(__file__).parent / "example"


def hop(name, backend=None, endpoint=None):
    return Hop(model=name, backend=backend, endpoint=endpoint)


def test_the_designs_example(snapshot):
    loaded = load(EXAMPLE)
    assert loaded.findings == ()
    fleet = loaded.fleet
    assert isinstance(fleet, Fleet)
    assert fleet.root == str(EXAMPLE.resolve())
    assert loaded.files == (EXAMPLE.resolve() / "fleet.toml",)
    assert load(EXAMPLE / "fleet.toml") == loaded
    volta = fleet.nodes["volta"]
    assert volta.chain == (hop("qwen3-32b"), hop("gpt-oss-20b"), hop("llama3.1-8b", "monad-1", "ollama"))
    assert volta.target == "ssh://ops@volta.example.ts.net/srv/openclaw/volta"
    assert repr(replace(fleet, root="")).replace("), ", "),\n") == snapshot


def test_the_fixture_is_the_design(tmp_path):
    """Where the design's text is at hand, the fixture starts with its example word for word."""
    design = Path(os.environ.get("FLEETHUB_DESIGN", Path(__file__).parents[3] / "shared" / "DESIGN.md"))
    if not design.exists():
        pytest.skip("no design here")
    example = design.read_text().split("```toml\n", 1)[1].split("```", 1)[0]
    assert (EXAMPLE / "fleet.toml").read_text().startswith(example)


def test_node_over_role_over_defaults(spec):
    loaded = spec(
        swap=[
            (
                "[defaults.node]\n",
                "[defaults.node]\nport = 1\nuid = 1\nlabels = { a = '1', b = '1' }\ncommand = ['x', 'y']\n",
            ),
            (
                "[roles.worker]\n",
                "[roles.worker]\nport = 2\nlabels = { b = '2', c = '2' }\n"
                "openclaw = { x = { a = 1, b = [1, 2] } }\n"
                "env = { TZ = { value = 'UTC' }, K = 'env:K' }\n"
                "files = { env = '{name}.env', fleethub = 'workspace/FLEETHUB.md' }\n",
            ),
        ],
        add="port = 3\nlabels = { c = '3' }\nopenclaw = { x = { b = [3] }, y = 1 }\n"
        "fallbacks = []\ncommand = ['z']\n"
        "env = { TZ = { value = '{host}' } }\n",
    )
    node = loaded.fleet.nodes["volta"]
    assert (node.port, node.uid, node.command) == (3, 1, ("z",))
    assert node.labels == {"a": "1", "b": "2", "c": "3"}
    assert node.settings == {"x": {"a": 1, "b": [3]}, "y": 1}
    assert node.env == {"TZ": "volta.example", "K": SecretRef(("env:K",))}
    assert node.files == {"env": "volta.env", "fleethub": "workspace/FLEETHUB.md"}
    assert node.chain == (hop("big"),)


def test_defaults_of_what_is_not_written(spec):
    fleet = spec().fleet
    node = fleet.nodes["volta"]
    assert (node.type, node.port, node.uid, node.settle, node.timeout) == (
        "openclaw-docker",
        18789,
        1000,
        10.0,
        60.0,
    )
    assert (node.key, node.manage, node.activate, node.generation) == ("volta", "whole", "auto", 1)
    assert fleet.key_seed is None
    assert fleet.policy.drift is None
    assert fleet.models["big"].tag == "big:32b"
    assert fleet.proxies["main"].admin_url == fleet.proxies["main"].url


def test_via_names_an_endpoint_of_the_first_or_a_named_backend(spec):
    more = '[backends.two]\nhost = "two"\nproxy = "main"\nendpoints = { x = "http://two:1" }\n'
    fallbacks = '["small", { model = "small", via = "tee" }, { model = "small", via = "two.x" }]'
    loaded = spec(
        swap=[('["small"]', fallbacks), ('["gpu"]\nroute = "ollama_chat/s', '["gpu", "two"]\nroute = "o/s')],
        add=more,
    )
    assert loaded.fleet.nodes["volta"].chain[1:] == (
        hop("small"),
        hop("small", "gpu", "tee"),
        hop("small", "two", "x"),
    )


def test_without_a_proxy_every_hop_is_direct(spec):
    alone = [('[proxies.main]\nurl = "http://llm.example:4000"\nmaster_key = "env:MASTER"\n', "")]
    alone += [('proxy = "main"\n', "")]
    loaded = spec(swap=alone)
    assert [(f.code, f.place.line) for f in loaded.findings] == [
        ("chain.no-proxy", 20),
        ("chain.no-proxy", 21),
    ]
    direct = [('model = "big"', 'model = { model = "big", via = "ollama" }'), ('["small"]', "[]")]
    loaded = spec(swap=alone + direct)
    assert loaded.fleet.nodes["volta"].chain == (hop("big", "gpu", "ollama"),)
    assert loaded.fleet.models["big"].proxy is None


def test_a_native_node_needs_no_image(spec):
    loaded = spec(swap=[("image =", 'type = "openclaw-native"\n# image =')])
    assert loaded.fleet.nodes["volta"].image == ""


def test_targets_are_folders_of_the_fleet_too(spec, tmp_path):
    assert spec(add='target = "out/{name}/"\n').fleet.nodes["volta"].target == "out/volta"
    assert spec(add=f'target = "{tmp_path}/out/x"\n').fleet.nodes["volta"].target == "out/x"
    (tmp_path / "away").symlink_to("/tmp")
    assert [f.code for f in spec(add='target = "away/x"\n').findings] == ["target.outside"]
    assert spec(add='target = "ssh://{host}:22/srv//x/"\n').fleet.nodes["volta"].target == "ssh://volta.example/srv/x"


def test_wiring_leaves_the_gateway_to_the_node(spec):
    add = 'manage = "wiring"\nopenclaw = { gateway = { port = 1, bind = "lan" } }\n'
    assert spec(add=add).findings == ()


def test_quoted_aliases_with_dots(spec):
    loaded = spec(
        add='model = "qwen2.5:7b"\n[models."qwen2.5:7b"]\nbackends = ["gpu"]\nroute = "a/b"\ncontext = 8192\n'
    )
    assert loaded.fleet.nodes["volta"].chain[0] == hop("qwen2.5:7b")
    assert [(f.code, f.place.line) for f in loaded.findings] == [("model.context-small", 33)]


def test_includes_join_by_name(spec, tmp_path):
    node = '[nodes.{0}]\nhost = "{0}.example"\nrole = "worker"\n'
    text = 'include = ["nodes/*.toml", "more.toml", "none/*.toml", "*.toml"]\n'
    loaded = spec(
        swap=[("[fleet]\n", text + "[fleet]\n")],
        nodes__b_toml=node.format("b"),
        nodes__a_toml=node.format("a") + "[keys.a]\nrpm = 3\n",
        more_toml="[keys.x]\nmodels = ['big']\n",
    )
    assert loaded.findings == ()
    assert [f.relative_to(tmp_path).as_posix() for f in loaded.files] == [
        "fleet.toml",
        "nodes/a.toml",
        "nodes/b.toml",
        "more.toml",
    ]
    assert set(loaded.fleet.nodes) == {"volta", "a", "b"}
    assert str(loaded.fleet.nodes["b"].place) == "nodes/b.toml:1:1"
    (tmp_path / "more.toml").write_text("[keys.x]\nmodels = ['bag']\n")
    again = load(tmp_path)
    assert [str(f.place) for f in again.findings] == ["more.toml:2:11"]


def test_a_broken_include_does_not_make_the_rest_look_wrong(spec):
    loaded = spec(
        swap=[("[fleet]\n", 'include = ["*.toml"]\n[fleet]\n'), ('role = "worker"', 'role = "elsewhere"')],
        add="prot = 1\n",
        a_toml="[roles.elsewhere\n",
    )
    assert [(f.code, f.place.file) for f in loaded.findings] == [
        ("spec.syntax", "a.toml"),
        ("spec.unknown-key", "fleet.toml"),
    ]


def test_the_digest_is_over_names_and_bytes(spec, tmp_path):
    with_include = [("[fleet]\n", 'include = ["*.toml"]\n[fleet]\n')]
    first = spec(swap=with_include, a_toml="").fleet.digest
    assert first.startswith("sha256:")
    assert len(first) == 71
    assert load(tmp_path).fleet.digest == first
    assert spec(swap=with_include, a_toml="#").fleet.digest != first
    (tmp_path / "a.toml").rename(tmp_path / "b.toml")
    (tmp_path / "b.toml").write_text("")
    assert load(tmp_path).fleet.digest != first


@pytest.mark.parametrize("path", ["", "nowhere", "nul\0", "folder", "x" * 5000])
def test_paths_that_lead_nowhere(path, tmp_path):
    (tmp_path / "folder" / "fleet.toml").mkdir(parents=True)
    loaded = load(tmp_path / path)
    assert loaded.fleet is None
    assert [f.code for f in loaded.findings] == ["spec.unreadable"]


def test_links_out_of_the_fleet_are_not_followed(spec, tmp_path, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("x") / "a.toml"
    elsewhere.write_text("")
    (tmp_path / "a.toml").symlink_to(elsewhere)
    loaded = spec(swap=[("[fleet]\n", 'include = ["*.toml"]\n[fleet]\n')])
    assert [f.code for f in loaded.findings] == ["spec.include"]


def test_line_ends_of_windows(spec):
    loaded = spec(b'[fleet]\r\nname = "x"\r\n\r\nwrong = 1\r\n')
    assert [(f.code, f.place.line, f.place.column) for f in loaded.findings] == [("spec.unknown-key", 4, 1)]


def test_prereleases_satisfy_required_version(spec, monkeypatch):
    monkeypatch.setattr("fleethub.__version__", "0.2.0.dev3")
    assert spec(swap=[('"small"\n[p', '"small"\nrequired_version = ">=0.1,<0.3"\n[p')]).fleet


def test_a_bad_name_is_shown_where_it_stands_and_findings_name_their_block(spec):
    loaded = spec(swap=[('proxy = "main"', 'proxy = "Main"')], add='[nodes.Bad]\nhost = "x"\nrole = "worker"\n')
    assert [(str(f.place), f.code, str(f.address)) for f in loaded.findings] == [
        ("fleet.toml:8:9", "spec.name", "backend.gpu"),
        ("fleet.toml:29:8", "spec.name", "node.Bad"),
    ]
