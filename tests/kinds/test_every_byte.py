"""Files that people wrote, in many ways: FleetHub's part goes in, follows the spec and a rotation, and comes out again,
and then every byte is as it was.
"""

from __future__ import annotations

import pytest

from tests.fleets import Spec
from tests.kinds import test_shared_settings as shared
from tests.kinds import test_wiring as wiring
from tests.world import Node, World, apply, plan

OPENCLAW = [
    wiring.CONFIG,
    wiring.CONFIG.replace("\n", "\r\n"),
    "\ufeff" + wiring.CONFIG,
    wiring.CONFIG.replace("  ", "\t"),
    wiring.CONFIG.rstrip(),
    "{}",
    '{"agents":{"defaults":{"model":{"primary":"mine/x","fallbacks":["mine/y"]}}},"models":{"providers":{"mine":{}}}}',
    '{\n  agents: {\n    defaults: { model: { primary: \'a\', }, models: { "a": { b: "x" } } },\n  },\n  b: 1,\n}\n',
    '{\n  "models": {\n    "mode": "merge",\n    "providers": {\n      "m": {\n        "models": [{ id: "a" }] // 2\n'
    "      }\n    }\n  }\n}\n",
    '{ agents: { defaults: {} }, agents: { defaults: { model: "x" } } }\n',
    '{\n/* block\n */ agents /* k */ : /* v */ { defaults : { model : "x" /* after */ , other: 1 } } // end\n}\n',
    "{\n  a: 'it\\'s',\n  b: \"multi\\\nline\",\n  c: +1e3, d: .5, e: Infinity, f: -NaN, g: 0xFF, \\u0068: 1\n}\n",
    '{\n  agents: {\n    defaults: {\n      // model: "x",\n    },\n  },\n}\n',
    '{agents:{defaults:{model:"x"}}}//',
    '\u00a0{ "a": 1 }\u2028\n',
]
AIDER = [
    shared.HIS[shared.AIDER],
    "model: gpt-4\nread:\n  - a\n  - b\n\n\n# end",
    "read: &x [a]\nlint: *x\n",
    "dark-mode: true\r\nmodel: 'x'  # c\r\n\r\n",
    "\ufeffmodel: x\nread: a\n",
    "\ufeff# c\r\n",
    "",
    "---\nmodel: x\n...\n",
    "{model: x, read: [a]}\n",
    '? model\n: x\n"weak-model" : "gpt 4" #no comment\n',
    "# vim: set ts=2:\nmodel: gpt-4o\nmap-tokens: 0x400\nauto-commits: no\nchat-language: \u00e9\u4e2d\n",
]
HEAD = "name: Ours\nversion: 1.0.0\nschema: v1\n"
CONTINUE = [
    HEAD,
    HEAD + "models: []\n",
    HEAD + "models:\n- name: a # c\n  model: b\n\n# after\nrules:\n- |\n  be kind\n\n",
    (HEAD + "models:\n  - name: a\n    apiKey: x\n\ncontext:\n  - provider: code\n").replace("\n", "\r\n"),
    "\ufeff" + HEAD + "models:\n    -   name: a\n        provider: b\n    -   name: c\n",
    HEAD + "models: [{name: a, model: b}]\n",
    '{"name": "O", "version": "1", "schema": "v1", "models": [{"name": "a"}]}',
    HEAD + "models:\n  - uses: x/y\n    with: {a: b}\n  - &d\n    name: d\n  - <<: *d\n    name: e\n",
    HEAD + "models:\n  - name: a\n    chatOptions:\n      baseSystemMessage: |\n        hi\n\n        there\n",
    HEAD + "# models:\n#  - name: x\nprompts: []\n",
    HEAD + "models:\n  # first\n  - name: a\n    roles:\n      - chat\n  # last comment\n# col0\ndata: x",
]
NULLS = '{"agents":{"defaults":{"model":{"primary":null,"fallbacks":null}}}}'


def openclaw(*models: str) -> Spec:
    return wiring.SPEC.node("a", *models, manage="wiring")


@pytest.mark.parametrize(
    ("client", "said"),
    [
        *(("openclaw", one) for one in OPENCLAW),
        *(("aider", one) for one in AIDER),
        *(("continue", one) for one in CONTINUE),
    ],
)
def test_what_went_in_comes_out_again(client: str, said: str) -> None:
    assert in_and_out(client, said) == said


@pytest.mark.parametrize(
    ("client", "said", "back"),
    [
        ("continue", HEAD + "models: # none yet\nprompts: []\n", HEAD + "models: # none yet\nprompts: []\n"),
        ("continue", HEAD + "models: ~\n", HEAD + "models:\n"),
        ("aider", "model: # mine\nread: a\n", "model: # mine\nread: a\n"),
        ("aider", "model: 7\nweak-model: on\n", "model: 7\nweak-model: true\n"),
        ("aider", "model: off\n", "model: false\n"),
        ("openclaw", NULLS, NULLS),
    ],
)
def test_what_was_null_or_no_text_is_that_again(client: str, said: str, back: str) -> None:
    """Nothing at a place and null are two things to who reads a file."""
    assert in_and_out(client, said) == back


def in_and_out(client: str, said: str) -> str:
    """A file that FleetHub's part came to, and left."""
    if client == "openclaw":
        first, second, at, path, key = openclaw("one"), openclaw("two", "one"), wiring.HERE, "openclaw.json", "a"
        world = wiring.there(first, said)
    else:
        first, second, at, key = shared.asks(client), shared.asks(client, "two"), shared.AT, "ann"
        path = {"aider": shared.AIDER, "continue": shared.CONTINUE}[client]
        world = World.of(first).at_node(at, lambda _: Node({path: (said.encode(), 0o640)}))
    for spec in (first, second, second.key(key, generation=2, grace="0s")):
        for _ in range(2):  # a rotation may wait for its node once
            world = apply(world, plan(world, spec)).world
        left = plan(world, spec)
        assert (left.changes, left.drift, left.findings) == ((), (), ())
        assert world.nodes[at].files[path][0] != said.encode()
    gone = second.without("nodes").without("consumers").without("keys")
    after = apply(world, plan(world, gone)).world
    return after.nodes[at].files[path][0].decode()
