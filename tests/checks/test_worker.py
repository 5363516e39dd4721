"""Checks in the process that asks them, as a plan has it: functions of packages, trust, bounds, what raises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fleethub.checks.answers import question
from fleethub.clients import checker
from fleethub.fleetspec import load
from fleethub.model.finding import Severity
from fleethub.model.fleet import Check
from tests.checks.asking import here
from tests.fleets import Spec, fleet
from tests.support import Place

BASE = fleet().node("volta", "one", owner="ml").key("volta", max_budget=5).node("tilt", "one")
CODE = '''
import os, sys

def budget(entry, lists):
    """No key without a budget."""
    print("on standard output")
    os.write(1, b'{"check": 0, "entry": 0, "outcome": "wrong", "says": "by the back door"}\\n')
    if "max_budget" not in entry["limits"]:
        return f"{entry['name']} has no budget, and {len(lists['nodes'])} nodes are here"

def false(entry, lists):
    return False

def several(entry, lists):
    return (f"reason {n}" for n in range(50))

def raises(entry, lists):
    raise ValueError("my own \\x1b[31mfault")

def leaves(entry, lists):
    sys.exit(3)

def misspelt(entry, lists):
    return entry["ownr"]

def unknown(entry, lists):
    return entry["planned"] > 0

def asks(entry, lists):
    return entry.get("planned", 0) < 5

def sorts(entry, lists):
    return lists["nodes"][0]["planned"] > 0

def number(entry, lists):
    return 7

def secrets(entry, lists):
    found = [name for name in os.environ if "MASTER" in name or "CANARY" in name]
    return f"sees {found}" if found else None

def hangs(entry, lists):
    while True: pass

def dies(entry, lists):
    os.kill(os.getpid(), 9)

text = "no function"
'''
NAMES = (
    "budget",
    "false",
    "several",
    "raises",
    "leaves",
    "misspelt",
    "unknown",
    "asks",
    "sorts",
    "number",
    "secrets",
    "hangs",
    "dies",
)
NAMES += ("text", "asks", "sorts")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with entry points, as pip leaves one."""
    site = tmp_path / "site"
    info = site / "acme_checks-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "acme_checks.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Acme_Checks\nVersion: 1.0\n")
    points = "".join(f"{name} = acme_checks:{name}\n" for name in NAMES) + "gone = acme_checks.gone:f\n"
    (info / "entry_points.txt").write_text(f"[fleethub.checks]\n{points}")
    monkeypatch.setenv("PYTHONPATH", f":{site}:relative")  # what is not whole would lead into the fleet's folder
    monkeypatch.setenv("CANARY", "x")
    return site


def found(place: Place, *more: str) -> dict[str, list[str]]:
    lines = place.json("plan", "--offline", *more)
    told: dict[str, list[str]] = {}
    for line in lines:
        if line["type"] == "finding" and line["code"].startswith("check."):
            told.setdefault(line["code"], []).append(line["message"])
    return told


def test_a_function_of_a_package_is_asked_of_each_entry(package: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "f", BASE.check("budget", "key", use="acme-checks:budget").text)
    assert found(place) == {"check.budget": ["tilt has no budget, and 2 nodes are here"]}
    assert "check.budget key.main.tilt" in place.run("validate", code=3)
    assert "valid, but it is not as its own checks want it" in place.out
    assert "check.budget" in place.run("plan", "--offline", "--format", "markdown", code=3)


def test_whatever_a_function_does_is_a_finding(package: Path, tmp_path: Path) -> None:
    spec = BASE
    for name in ("false", "several", "raises", "leaves", "misspelt", "number", "secrets", "text", "gone"):
        spec = spec.check(name, "fleet" if name != "misspelt" else "node", use=f"acme-checks:{name}")
    spec = spec.check("unseen", "backend", use="acme-checks:unknown").check("absent", "key", use="other:thing")
    spec = spec.backend("bare", None, gpus=[]).check("nothing", "fleet", "false", message="so it is")
    place = Place(tmp_path / "f", spec.text)
    told = found(place)
    assert told["check.false"] == ["fleet.monad is not as the check false wants it"]
    assert told["check.several"][-1] == "and 30 more"
    assert told["check.nothing"] == ["so it is"]
    failed = "\n".join(told["check.failed"])
    assert "check raises has no answer of fleet.monad: ValueError: my own fault" in failed
    assert "check leaves has no answer of fleet.monad: SystemExit: 3" in failed
    assert "check misspelt has no answer of node.volta and 1 other: KeyError: 'ownr'" in failed
    assert "check number has no answer of fleet.monad: returned int" in failed
    assert "check text has no answer: acme-checks:text is no function" in failed
    assert "check gone has no answer: acme-checks:gone cannot be imported: ModuleNotFoundError" in failed
    assert "check absent has no answer: no installed package brings the entry point other:thing" in failed
    assert "check.secrets" not in told
    assert "Traceback" not in place.out


def test_what_a_function_does_not_know_is_unknown(package: Path, tmp_path: Path) -> None:
    spec = fleet(ollama="http://127.0.0.1:1").node("volta", "one").check("u", "backend", use="acme-checks:unknown")
    spec = spec.check("d", "backend", use="acme-checks:asks").check("s", "backend", use="acme-checks:sorts")
    told = found(Place(tmp_path / "f", spec.text))
    assert told.keys() == {"check.unknown", "check.failed"}
    assert [("check u holds" in one, "planned is not known" in one) for one in told["check.unknown"]] == [
        (True, True),
        (False, True),  # a default is not what is known
    ]
    assert ["KeyError: 'planned'" in one for one in told["check.failed"]] == [True]  # no node has it


def test_a_name_that_only_others_have_is_at_fault_unless_one_of_them_lacks_it() -> None:
    """Else an error that asks nodes for what backends have would be a mere warning for ever."""
    check = Check("n", "node", Severity.ERROR, "nodes.all(n, n.fit == 'fits')", message="m")
    view = {**{name: [] for name in _LISTS}, "node": [{"name": "volta", "unknown": []}], "unknown": []}
    assert [(a.outcome, a.says) for a in here([check], view)] == [("failed", "there is no 'fit'")]
    view["backend"] = [{"name": "gpu", "unknown": ["fit"]}]
    assert [(a.outcome, a.says) for a in here([check], view)] == [("unknown", "fit")]


@pytest.mark.parametrize(
    ("name", "why"),
    [("dies", "ended with -9"), pytest.param("hangs", "more processor time", marks=pytest.mark.long)],
)
def test_a_function_that_does_not_come_back_ends_alone(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.setattr(checker, "SECONDS", 1)
    spec = BASE.check("first", "key", "has(key.limits.max_budget)", severity="warning")
    spec = spec.check("second", "fleet", use=f"acme-checks:{name}").check("third", "fleet", "true")
    told = found(Place(tmp_path / "f", spec.text))
    assert told["check.first"] == ["tilt is not first"]
    assert why in told["check.failed"][0]
    assert "check third has no answer: was not asked" in told["check.failed"][1]


def test_a_repository_runs_no_function(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "trusts", False)
    spec = BASE.check("mine", "fleet", use="acme-checks:dies").check("own", "fleet", "false", message="asked")
    place = Place(tmp_path / "f", spec.text)
    told = found(place)
    assert told["check.own"] == ["asked"]
    assert "its function acme-checks:dies is not known on this machine" in told["check.failed"][0]
    text = place.run("plan", code=3)
    assert "command.new" in text
    line = "runs python-entry-point fleethub.checks acme-checks:dies (check mine)"
    assert line in place.run("trust", "list", code=3)
    assert "ended with -9" in place.run(
        "--trust", "command:python-entry-point fleethub.checks acme-checks:dies", "plan", code=3
    )


def test_a_module_in_the_fleets_folder_is_not_imported(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "f", BASE.check("own", "fleet", "true").text)
    for name in ("json.py", "cel_expr_python.py", "fleethub.py", "contextlib.py"):
        (place.folder / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(place.folder)
    assert found(place) == {}


def test_without_the_library_nothing_is_taken_for_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = tmp_path / "block" / "cel_expr_python"
    block.mkdir(parents=True)
    (block / "__init__.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(block.parent))
    place = Place(tmp_path / "f", BASE.check("own", "fleet", "true").text)
    text = place.run("plan", "--offline", code=3)
    assert "the check own has no answer: expressions are CEL, which is not installed here" in text
    assert ".[checks]" in text
    assert "valid, but not each of its own checks has an answer" in place.run("validate", code=3)


def test_without_the_library_it_is_said_once_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = tmp_path / "block" / "cel_expr_python"
    block.mkdir(parents=True)
    (block / "__init__.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(block.parent))
    spec = BASE.check("own", "fleet", "true").check("other", "node", "true", severity="warning")
    place = Place(tmp_path / "f", spec.text)
    text = place.run("validate", code=3)
    assert text.count("expressions are CEL, which is not installed here") == 1
    assert "error check.failed: the checks own, other have no answer" in text
    monkeypatch.setattr("fleethub.operations.cases.installed", lambda: False)  # for this process has it
    (place.folder / "tests").mkdir()
    (place.folder / "tests/a.toml").write_text('[[case]]\nname = "a"\nexpect = { exit = 0 }\n[[case]]\nname = "b"\n')
    text = place.run("test", code=1)
    assert text.count("CEL is not installed here") == 1
    assert "'.[checks]' in FleetHub's checkout" in text


def test_no_way_through_a_proxy_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's URL may have a password."""
    for name in ("HTTPS_PROXY", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://ops:canary@proxy:1")
    seen = tmp_path / "seen"
    (tmp_path / "sitecustomize.py").write_text(f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    place = Place(tmp_path / "f", BASE.check("own", "fleet", "true").text)
    place.run("validate", code=0)
    assert "canary" not in seen.read_text()


def test_a_worker_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    place = Place(tmp_path / "f", BASE.check("own", "fleet", "1 + 1 == 2").text)
    assert "cannot be asked: No such file" in place.run("plan", "--offline", code=3)


def test_what_says_too_much_is_ended(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "LARGEST", 1000)
    checks = BASE.check("several", "node", use="acme-checks:several").fleet.checks
    text, why = checker.asked(question(checks, {**{name: [] for name in _LISTS}, "unknown": [], "node": [{}] * 100}))
    assert len(text) <= 1000
    assert "MiB" in why or "ended" in why


_LISTS = ("node", "key", "model", "backend", "fleet", "change")


def spec_errors(spec: Spec) -> list[str]:
    return [f"{f.place} {f.code} {f.message} | {f.hint}" for f in spec.loaded.findings]


def test_what_is_wrong_with_a_check_in_the_spec(snapshot: object) -> None:
    wrong = (
        BASE.check("failed", "node", "true")
        .check("twice", "node", "true")
        .check("twice", "node", "node.ownr == ''")
        .check("both", "node", "true", use="a:b")
        .check("neither", "node", message="x")
        .check("silent", "node", "true", message=None)
        .check("brace", "node", "true", message="{nme} and {name!r}")
        .check("open", "key", "true", message="{")
    )
    assert spec_errors(wrong) == snapshot


def test_places_within_every_form_of_string() -> None:
    for text, at in (
        ("'node.ownr != 1'", (3, 20)),
        ('"node.ownr != 1"', (3, 20)),
        ("'''\ntrue &&\n  node.ownr != 1'''", (5, 8)),
        ('"""node.ownr != 1"""', (3, 22)),
        ('"\\t node.ownr != 1"', (3, 14)),  # where the text begins: an escape moves what follows
        ('"""\ntrue \\\n  && node.ownr != 1"""', (3, 14)),
        ('"""\n\\u0074rue &&\n true && node.ownr != 1"""', (3, 14)),
    ):
        source = (
            f"[[check]]\nname = 'a'\nexpression = {text}\nfor = 'node'\nmessage = 'm'\n"
            "[fleet]\nname = 'x'\nkey_seed = 'file:s'\n"
        )
        (one,) = load(Path("/nowhere/fleet.toml"), {"fleet.toml": source.encode()}).findings
        assert one.place is not None
        assert (one.place.line, one.place.column) == at, text


def test_checks_of_included_files_stand_behind_the_main_ones(tmp_path: Path) -> None:
    place = Place(tmp_path / "f", 'include = ["checks/*.toml"]\n' + BASE.check("first", "fleet", "true").text)
    (place.folder / "checks").mkdir()
    for name in ("a", "b"):
        (place.folder / "checks" / f"{name}.toml").write_text(
            f"[[check]]\nname = '{name}'\nfor = 'fleet'\nexpression = 'false'\nmessage = 'no {name}'\n"
        )
    text = place.run("validate", code=3)
    assert "by the check at checks/a.toml:1:1" in text
    assert "by the check at checks/b.toml:1:1" in text
    (place.folder / "checks" / "b.toml").write_text(
        "\n\n[[check]]\nname = 'b'\nfor = 'fleet'\nexpression = 'flse'\nmessage = 'm'\n"
    )
    assert "checks/b.toml:6:15: error spec.expression" in place.run("validate", code=1)
