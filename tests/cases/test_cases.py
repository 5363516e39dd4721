"""``fleethub test``: what a case changes, what came of it, what it says of both, and what --update writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleethub.cases.change import ChangeError, overlay
from fleethub.cases.compare import Came, differences
from fleethub.cases.read import read
from fleethub.cases.table import CaseTable, ExpectTable, json_schema
from fleethub.cases.update import expected, updated
from fleethub.clients.resolver import SecretResolver
from fleethub.model.address import Address
from fleethub.model.finding import Finding
from fleethub.testing.catalog import ALL
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.ollama import Ollama
from tests.fleets import fleet
from tests.support import MASTER, Place, recorded
from tests.test_examples import ROOT

EXAMPLE = ROOT / "examples/checks"
GPU = (
    fleet(ollama="http://gpu.example:11434")
    .model("big", on="gpu", vram="30 GiB")
    .model("small", on="gpu", vram="4 GiB")
    .node("volta", "small")
    .key("volta", rpm=60)
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "fleet", GPU.text)


def cases(place: Place, text: str, name: str = "tests/a.toml") -> Path:
    file = place.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_example_is_as_its_cases_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network, secret or trust, and with nothing written."""
    shutil.copytree(EXAMPLE, tmp_path / "fleet")
    monkeypatch.setattr(SecretResolver, "open", lambda *_: pytest.fail("a secret was opened"))
    monkeypatch.setattr(Place, "trusts", False)
    place = Place.__new__(Place)
    place.folder = tmp_path / "fleet"
    before = {p: p.read_bytes() for p in place.folder.rglob("*") if p.is_file()}
    with recorded() as sent:
        text = place.run("test", code=0)
    assert sent == []
    assert {p: p.read_bytes() for p in place.folder.rglob("*") if p.is_file()} == before
    count = len(tomllib.loads((EXAMPLE / "tests/rules.toml").read_text())["case"])
    assert f"{count} passed in" in text


def test_what_is_not_as_expected_is_told_with_both_sides(place: Place, snapshot: Any) -> None:
    cases(
        place,
        """
[[case]]
name = "it all differs"
set.nodes.volta.model = "big"
set.keys.volta.rpm = 70
[case.set.nodes.tilt]
host = "tilt"
model = "small"
[case.expect]
exit = 3
changes = { "node.volta" = "update", "node.gone" = "delete", "key.main.volta" = "update", "key.main.tilt" = "create" }
findings = ["key.orphan"]
fields."key.main.volta" = { rpm_limit = 80, models = ["big"], tpm_limit = 1 }
fields."node.nobody".chain = []
capacity = { gpu = "evicts", other = "fits" }

[[case]]
name = "it is as expected"
[case.expect]
changes = {}
""",
    )
    text = place.run("test", code=3)
    assert re.sub(r"in \d+\.\d\d s", "in N s", text) == snapshot
    lines = place.json("test")
    assert [line["passed"] for line in lines if line["type"] == "case"] == [False, True]
    assert lines[-1] == {"type": "summary", "exit": 3, "passed": 1, "failed": 1, "written": 0}


def test_a_case_may_start_from_nothing_or_from_a_lockfile(place: Place) -> None:
    from fleethub.lockfile.text import dump
    from tests.world import settled

    lockfile = settled(GPU.key("volta", rpm=50)).lockfile
    assert lockfile is not None
    (place.folder / "before.lock").write_text(dump(lockfile))
    cases(
        place,
        """
[[case]]
name = "a first apply"
before = "nothing"
[case.expect]
changes = { "node.volta" = "create", "key.main.volta" = "create" }

[[case]]
name = "what the spec changes since then"
before = "before.lock"
[case.expect]
changes = { "key.main.volta" = "update" }
fields."key.main.volta".rpm_limit = 60

[[case]]
name = "no such file"
before = "gone.lock"
[case.expect]
exit = 0

[[case]]
name = "no lockfile"
before = "fleet.toml"
[case.expect]
exit = 0
""",
    )
    text = place.run("test", code=3)
    assert text.count("pass  ") == 2
    assert "before: gone.lock does not exist" in text
    assert "Traceback" not in text


def test_the_days_of_acceptances_and_recorded_facts_are_the_cases_own(place: Place) -> None:
    place.write(
        GPU.check("never", "fleet", "false", message="never").text
        + '\n[[accept]]\ncode = "check.never"\nreason = "known"\nuntil = 2030-01-31\n'
    )
    cases(
        place,
        """
[[case]]
name = "till then"
today = 2030-01-31
[case.expect]
exit = 0
findings = []

[[case]]
name = "and no longer"
today = 2030-02-01
[case.expect]
exit = 3
findings = ["check.never fleet.monad"]
""",
    )
    assert "2 passed" in place.run("test", code=0)


def test_facts_that_were_recorded_say_what_fits(tmp_path: Path) -> None:
    with Ollama(models=ALL) as ollama, LiteLLM(models=[], master_key=MASTER) as proxy:
        spec = fleet(proxy.url, ollama=ollama.url).model("qwen3-32b", route="ollama_chat/qwen3:32b")
        place = Place(tmp_path / "fleet", spec.key("web", models=["qwen3-32b"]).text)
        place.run("observe", "--facts", code=0)
    (place.folder / "facts").rename(place.folder / "then")
    shutil.rmtree(place.folder / ".fleethub")
    cases(
        place,
        """
[[case]]
name = "nothing is known"
expect.capacity.gpu = "unknown"

[[case]]
name = "what was seen then"
facts = "then"
before = "nothing"
set.backends.gpu.gpus = [{ name = "small", vram = "12 GiB" }]
expect = { exit = 3, capacity = { gpu = "does not fit" } }
""",
    )
    assert "2 passed" in place.run("test", code=0)


def test_it_does_not_hang_on_this_clone(place: Place) -> None:
    """A lockfile or a cache that another clone does not have changes nothing of it."""
    cases(place, '[[case]]\nname = "nothing changes"\n[case.expect]\nchanges = {}\ncapacity.gpu = "fits"\n')
    assert "1 passed" in place.run("test", code=0)
    (place.folder / "fleet.lock").write_text("damaged")
    cache = place.folder / ".fleethub/cache"
    cache.mkdir(parents=True)
    (cache / "loads.json").write_text("damaged")
    assert "1 passed" in place.run("test", code=0)


def test_update_writes_what_came_and_leaves_the_rest(place: Place) -> None:
    text = """\
# the head's remark

[[case]] # one
name = "grows"   # why
set.nodes.volta.model = "big"
[case.expect] # what must be
exit = 3 # not so
changes = {} # nor so

[[case]]
name = "fresh"
remove = ["nodes.volta", "keys.volta"]

[[case]]
name = "wrong, and stays so"
remove = ["nodes.nobody"]
[case.expect]
exit = 0

[[case]]
name = "well"
[case.expect]
findings   = []
"""
    file = cases(place, text)
    file.chmod(0o640)
    said = place.run("test", "--update", code=3)
    assert "new   grows" in said
    assert "written: tests/a.toml" in said
    assert "remove: the spec has no block called nobody in [nodes]" in said
    after = file.read_text()
    assert after == text.replace("exit = 3 # not so", "exit = 0 # not so").replace(
        "changes = {} # nor so", 'changes = { "key.main.volta" = "update", "node.volta" = "update" } # nor so'
    ).replace(
        'remove = ["nodes.volta", "keys.volta"]\n',
        'remove = ["nodes.volta", "keys.volta"]\n\n[case.expect]\nexit = 0\n'
        'changes = { "key.main.volta" = "delete", "node.volta" = "delete" }\nfindings = []\n',
    )
    assert file.stat().st_mode & 0o777 == 0o640
    file.write_text(after.partition('\n[[case]]\nname = "wrong')[0])
    assert "2 passed" in place.run("test", code=0)
    before = file.read_bytes()
    assert "2 passed" in place.run("test", "--update", code=0)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "case is missing"),
        ("case = 1", "case must be a list"),
        ("[[case]]\n", "name is missing"),
        ('[[case]]\nname = "a"\nexpct = {}\n', 'did you mean "expect"?'),
        ('[[case]]\nname = "a"\n[[case]]\nname = "a"\n', "another case is called"),
        ('[[case]]\nname = "a"\nexpect.changes.volta = "update"\n', "names no thing of a fleet"),
        ('[[case]]\nname = "a"\nexpect.changes."node.volta" = "changed"\n', "must be 'create', 'update'"),
        ('[[case]]\nname = "a"\nexpect.exit = 2\n', "must be 0, 1 or 3"),
        ('[[case]]\nname = "a"\nbefore = "../x.lock"\n', "must be a path below the fleet's folder"),
        ('[[case]]\nname = "a"\nset.x = "sk-0123456789abcdefghi"\n', "holds a secret"),
        ("[[case]\n", "spec.syntax"),
        ("\ufffe", ""),
    ],
)
def test_a_wrong_file_is_told_with_its_place(place: Place, text: str, says: str) -> None:
    cases(place, text)
    said = place.run("test", code=1)
    assert says in said
    assert "tests/a.toml:" in said
    assert "Traceback" not in said
    assert "sk-0123" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('remove = ["nodes.nobody"]', "remove: the spec has no block called nobody in [nodes]"),
        ('files."fleet.toml" = "]"', "fleet.toml is not TOML"),
        ('facts = "then"', "facts: there is no folder then"),
        ('before = "fleet.toml"', "before: fleet.toml is no lockfile: "),
        ('before = "pipe"', "before: pipe is no file"),
        ('set.nodes.volta = "x"', "there is  1 (spec.value node.volta: nodes.volta must be a table)"),
        ("set.nodes = 3", "there is  1 (spec."),
        ("set.policy.drift = 3", "exit"),
        ('set.nodes."a\\u0000b".host = "x"', "exit"),
        ('files."tests/x/../../y" = ""', "must be a path"),
        ('files."nodes/x.toml" = ""', "nodes/x.toml is no file of the spec: no include names it"),
    ],
)
def test_a_change_that_cannot_be_is_told(place: Place, change: str, says: str) -> None:
    os.mkfifo(place.folder / "pipe")  # read, it would wait for ever
    cases(place, f'[[case]]\nname = "a"\n{change}\n[case.expect]\nexit = 0\n')
    said = place.run("test")
    assert says in said
    assert place.code in (1, 3)
    assert "Traceback" not in said


def test_a_fleet_of_several_files(place: Place) -> None:
    place.write('include = ["nodes/*.toml"]\n' + GPU.text)
    (place.folder / "nodes").mkdir()
    (place.folder / "nodes/tilt.toml").write_text('[nodes.tilt]\nhost = "t"\nmodel = "small"\n')
    cases(
        place,
        """
[[case]]
name = "a value goes where its block stands"
set.nodes.tilt.model = "big"
[case.expect]
changes = { "node.tilt" = "update", "key.main.tilt" = "update" }

[[case]]
name = "a file more"
files."nodes/ohm.toml" = "[nodes.ohm]\\nhost = 'o'\\nmodel = 'small'\\n"
[case.expect]
changes = { "node.ohm" = "create", "key.main.ohm" = "create" }

[[case]]
name = "a block less"
remove = ["nodes.tilt"]
[case.expect]
changes = { "node.tilt" = "delete", "key.main.tilt" = "delete" }

[[case]]
name = "a setting of all"
set.policy.overcommit = "warn"
set.defaults.node.image = "ghcr.io/openclaw/openclaw:2026.9.7"
[case.expect]
changes = { "node.tilt" = "update", "node.volta" = "update" }
""",
    )
    assert "4 passed" in place.run("test", code=0)


def test_files_names_and_formats(place: Place, tmp_path: Path) -> None:
    bad = cases(place, '[[case]]\nname = "bad <&> \\"one\\""\nexpect.exit = 3\n', "elsewhere/b.toml")
    cases(place, '[[case]]\nname = "good"\nexpect.exit = 0\n')
    assert "1 passed" in place.run("test", code=0)
    report = tmp_path / "cases.xml"
    place.run("test", str(bad), "--junit", str(report), code=3)
    (suite,) = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert suite[0].get("name") == 'bad <&> "one"'
    assert "exit: expected 3, there is 0" in str(suite[0][0].text)
    assert "there is no case with 'nothing' in its name" in place.run("test", "-k", "nothing", code=1)
    assert "GOOD".casefold() in place.run("test", "-k", "GOOD", code=0)
    (place.folder / "tests/a.toml").unlink()
    assert "there is no case in tests/**/*.toml" in place.run("test", code=1)
    said = place.run("test", str(tmp_path / "no.toml"), code=1)
    assert "does not exist" in said
    assert "fleethub test alone" in said
    assert "with -C" not in said
    link = place.folder / "tests/link.toml"
    link.symlink_to(bad)
    assert "1 written" in place.run("test", "--update", code=0)
    assert link.is_symlink()
    assert "exit = 0" in bad.read_text()
    assert json.loads(place.run("test", "--schema", code=0)) == json_schema()


def test_the_schema_takes_the_example() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(tomllib.loads((EXAMPLE / "tests/rules.toml").read_text()), json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"case": [{"name": "a", "expect": {"exit": 2}}]}, json_schema())


ADDRESSES = st.sampled_from(["node.a", "key.main.a", "route.main.m"])
CAME = st.builds(
    Came,
    st.sampled_from([0, 1, 3]),
    st.dictionaries(ADDRESSES, st.sampled_from(["create", "update", "delete", "blocked"])),
    st.lists(
        st.builds(
            Finding,
            st.sampled_from(["key.orphan", "check.failed", "state.lost"]),
            st.just("m"),
            st.one_of(st.none(), ADDRESSES.map(Address.parse)),
        )
    ).map(tuple),
)


@given(CAME, CAME, st.booleans())
def test_what_is_written_is_what_came(came: Came, other: Came, fresh: bool) -> None:
    before = ExpectTable() if fresh else ExpectTable(**expected(ExpectTable(), other))
    made = expected(before, came)
    assert differences(ExpectTable(**made), came) == ()
    text = updated(b'[[case]]\nname = "a"  # kept\n', {0: made})
    assert tomllib.loads(text.decode())["case"][0]["expect"] == made
    assert b"# kept" in text


@given(st.text(max_size=60))
def test_no_file_is_a_bug(text: str) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        (Path(folder) / "a.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
        found = read(Path(folder) / "a.toml", "a.toml")
    assert bool(found.findings) != bool(found.cases)


FORMS = (
    '[[case]]\nname = "a"\n',
    '[[case]]\nname = "a"\n[case.set.nodes.b]\nx = 1\n',
    '[[case]]\nname = "a"\n[case.expect]\nchanges."node.a" = "delete"\nfields."node.a".x = 1\nexit = 0\n',
    '[[case]]\nname = "a"\n[case.expect.changes]\n"node.a" = "delete"\n[case.expect.fields."node.a"]\nx = 1\n',
    '[[case]]\nname = "a"\n[case.expect]\nexit = 1\n[case.set.a.b]\nx = 1\n[case.expect.changes]\n"a.b" = "create"\n',
    '[[case]]\nname = "a"\nexpect.changes."node.a" = "delete"\nexpect.exit = 1\n',
    '[[case]]\nname = "a"\nexpect.changes = {}\nexpect.fields."node.a".x = 1\nexpect.fields."node.b".y = 1\n',
    '[[case]]\nname = "a"\nexpect = { changes = {}, findings = [] }\n',
    'case = [{ name = "a", expect = { exit = 0, changes = {} } }]\n',
    'case = [{ name = "a" }]\n',
)


@pytest.mark.parametrize("many", [0, 1, 4])
@pytest.mark.parametrize("form", FORMS)
def test_update_writes_into_every_form_of_a_case(form: str, many: int) -> None:
    """With braces, dots or headers: what is read afterwards is what came, and the next case is what it was."""
    each = [f"node.n{i}" for i in range(many)]
    made = {"exit": 3, "changes": dict.fromkeys(each, "create"), "findings": [f"check.a {one}" for one in each]}
    made |= {"fields": {one: {"chain": ["x", "y"]} for one in each}, "capacity": dict.fromkeys(each, "fits")}
    text = form if form.startswith("case") else form + '\n[[case]]\nname = "z"\nexpect.exit = 1\n'
    want = tomllib.loads(text)
    there = {**want["case"][0].get("expect", {}), **made}
    want["case"][0]["expect"] = {n: v for n, v in there.items() if v or n not in ("fields", "capacity")}
    assert tomllib.loads(updated(text.encode(), {0: made}).decode()) == want


def test_an_overlay_is_of_what_changes_alone() -> None:
    texts = {"fleet.toml": b"[fleet]\nname = 'a'\n", "b.toml": b"[nodes.x]\nhost = 'h'\n"}
    assert overlay(CaseTable(name="n"), texts) == {}
    assert set(overlay(CaseTable(name="n", set={"nodes": {"x": {"host": "i"}}}), texts)) == {"b.toml"}
    with pytest.raises(ChangeError):
        overlay(CaseTable(name="n", remove=["nodes.y"]), texts)


@pytest.mark.parametrize(
    ("text", "change", "wanted"),
    [
        ("[nodes.x]\no.a = 1\n", {"o": {"b": {"c": 2}}}, {"o": {"a": 1, "b": {"c": 2}}}),
        ("[nodes.x]\no.a.b = 1\n[nodes.y]\n", {"o": {"a": {"n": {}}}}, {"o": {"a": {"b": 1, "n": {}}}}),
        (
            "[nodes.x]\n[roles.r]\n[nodes.x.o]\na = 1\n",
            {"o": {"b": {"c": 2}}, "h": 3},
            {"o": {"a": 1, "b": {"c": 2}}, "h": 3},
        ),
        ("nodes.x.h = 1\n", {"o": {"b": 2}}, {"h": 1, "o": {"b": 2}}),
        ("nodes = { x = { h = 1 } }\n", {"o": {"b": 2}, "h": 3}, {"h": 3, "o": {"b": 2}}),
    ],
)
def test_a_case_changes_what_it_says_however_the_spec_is_written(text: str, change: Any, wanted: Any) -> None:
    made = overlay(CaseTable(name="n", set={"nodes": {"x": change}}), {"fleet.toml": text.encode()})["fleet.toml"]
    assert made is not None
    assert tomllib.loads(made.decode())["nodes"]["x"] == wanted
    gone = overlay(CaseTable(name="n", remove=["nodes.x"]), {"fleet.toml": text.encode()})["fleet.toml"]
    assert gone is not None
    assert "x" not in tomllib.loads(gone.decode()).get("nodes", {})
