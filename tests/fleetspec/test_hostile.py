"""Whatever the bytes are: load never raises, always places what it finds, and never shows a secret."""

import tempfile
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from fleethub.fleetspec import load
from fleethub.model.finding import Severity

EXAMPLE = (Path(__file__).parent / "example" / "fleet.toml").read_text()
EXAMPLES = 2 * settings().max_examples
LINES = EXAMPLE.split("\n")
CANARIES = ["sk-canary0123456789", "x sk-canary0123456789 y", "fhseed1_canary", "env:sk-canary0123456789"]
ODD = [
    *(
        '""',
        "0",
        "-1",
        "1.5",
        "nan",
        "inf",
        "-inf",
        "true",
        "[]",
        "{}",
        "[[]]",
        "1979-05-27",
        "07:32:00",
        "'x'",
    ),
    *(
        "1979-05-27T07:32:00Z",
        f"0x{'f' * 400}",
        "9" * 5000,
        '"env:X"',
        '["env:X"]',
        '"{"',
        '"{host}{name}"',
        '"\\u0000"',
    ),
    *(
        "{ model = 'x' }",
        "{ value = 'x' }",
        "[1, 'x', {}]",
        "[" * 80 + "]" * 80,
        "'../..'",
        "'ssh://'",
        "'a.b'",
        "'.'",
    ),
]


def judge(data: bytes):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "fleet.toml").write_bytes(data)
        loaded = load(Path(folder))
    assert (loaded.fleet is None) == any(f.severity is Severity.ERROR for f in loaded.findings)
    for finding in loaded.findings:
        assert finding.place is not None
        assert finding.message
        assert (finding.message + finding.hint).isprintable()
    return loaded


@st.composite
def mutated(draw):
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["delete", "double", "odd", "odd", "odd", "move", "cut", "swap"]))
        if kind == "delete":
            lines[at] = ""
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "odd" and "=" in lines[at]:
            lines[at] = lines[at].split("=")[0] + "= " + draw(st.sampled_from(ODD))
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif kind == "cut":
            lines[at] = lines[at][: draw(st.integers(0, 20))]
        elif kind == "swap" and "=" in lines[at]:
            other = draw(st.sampled_from([x for x in LINES if "=" in x]))
            lines[at] = lines[at].split("=")[0] + "=" + other.split("=", 1)[1]
    data = bytearray("\n".join(lines).encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + 1] = draw(st.binary(max_size=3))
    return bytes(data)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(mutated())
def test_mutations_never_raise(data):
    judge(data)


def leaves(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
        return
    if isinstance(value, dict):
        yield (*path, None)  # a new key here
    for key, child in items:
        yield from leaves(child, (*path, key))


def put(document, path, value):
    *outer, last = path
    for part in outer:
        document = document[part]
    if last is None:
        document["new"] = value
        document[value] = 1
    else:
        document[last] = value


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(list(leaves(tomllib.loads(EXAMPLE)))), st.sampled_from(CANARIES), st.booleans())
def test_a_secret_by_its_look_is_never_shown(path, canary, nested):
    document = tomllib.loads(EXAMPLE)
    put(document, path, canary if path[-1] is None or not nested else [canary, {canary: canary}])
    loaded = judge(tomli_w.dumps(document).encode())
    assert "canary" not in repr(loaded.findings)
    if path != ("fleet", "required_version"):
        assert "spec.literal-secret" in [f.code for f in loaded.findings]


@pytest.mark.parametrize("kind", ["proxies", "backends", "nodes", "keys", "models", "roles", "consumers"])
@pytest.mark.parametrize("name", ["a\nb: error", "a\x1b[2J", "a\x07", "a\u202eb", "a\u2028b", "", " ", *CANARIES])
def test_a_name_that_nobody_may_have_is_in_no_text_as_it_is(kind, name):
    """A finding's address is printed as it is: of a name that a terminal obeys, or that is a secret, there is none."""
    document = {"fleet": {"name": "x"}, kind: {name: {"host": "h"}}}
    findings = judge(tomli_w.dumps(document).encode()).findings
    assert findings
    for one in findings:
        text = f"{one.address} {one.message} {one.hint} {one.detail}"
        assert text.isprintable(), text
        assert "canary" not in text


SECRET_PLACES = [
    ('["env:FLEETHUB_SEED"', '["{}"'),
    ('["env:LITELLM_MASTER_KEY"]', '"{}"'),
    ('["env:LITELLM_MASTER_KEY"]', '["env:X", "{}"]'),
    ('["env:LITELLM_MASTER_KEY"]', '{{ "{}" = "{}" }}'),
    ('["env:LITELLM_MASTER_KEY"]', '"{}'),
    ("[nodes.volta.env]", '[nodes.volta.env]\nA = "{}"'),
    ("[nodes.volta.env]", '[nodes.volta.env]\nA = ["{}"]\nB = {{ x = "{}" }}'),
    (
        "[nodes.volta.openclaw]",
        '[nodes.volta.openclaw]\nchannels.x.botToken = "{}"\ngateway.auth.token = "{}"',
    ),
    ("[roles.worker]", '[roles.worker]\nopenclaw = {{ a = [{{ apiKey = "{}" }}], client_secret = "{}" }}'),
    ("http://localhost", "http://me:{}@localhost"),
    ("ssh://ops@", "ssh://ops:{}@"),
]


@pytest.mark.parametrize(("old", "new"), SECRET_PLACES)
@pytest.mark.parametrize("secret", ["canary", "hunter2 canary!", "canary:x", "sk-canary", "env:canary x", "Canary{x}"])
def test_a_secret_by_its_place_is_never_shown(old, new, secret):
    assert old in EXAMPLE
    loaded = judge(EXAMPLE.replace(old, new.replace("{}", secret).replace("{{", "{").replace("}}", "}")).encode())
    assert loaded.fleet is None
    assert "canary" not in repr(loaded.findings).lower()
