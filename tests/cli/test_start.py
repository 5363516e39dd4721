"""What a command imports before it does anything: counted, for a second is not the same on each machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fleethub
from fleethub.testing import litellm
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

ASKED = """
import sys
from fleethub.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
with open("modules", "w") as file:
    print(*sorted(sys.modules), sep="\\n", file=file)
"""
#: What takes long to import, and each of these commands has no use for.
HEAVY = {
    "context": {
        "click",
        "dataclasses",
        "pydantic",
        "jinja2",
        "httpcore",
        "httpx",
        "tomllib",
        "rich",
        "subprocess",
        "importlib.metadata",
    },
    "validate": {
        "httpcore",
        "httpx",
        "rich",
        "deepdiff",
        "fabric",
        "tomlkit",
        "tomli_w",
        "jsonschema",
        "subprocess",
        "ssl",
        "importlib.metadata",
        "packaging",
        "dotenv",
    },
    "plan": {
        "importlib.metadata",
        "tarfile",
        "rich",
        "deepdiff",
        "fabric",
        "tomlkit",
        "jsonschema",
        "numpy",
    },
}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two nodes of a fleet, to which there is nothing to do."""
    with litellm.LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER) as proxy:
        spec = fleet(proxy.url).models("one", "two").node("volta", "one").node("faraday", "two")
        place = Place(tmp_path_factory.mktemp("start") / "fleet", spec.text)
        place.apply()
        yield place


#: Of a hundred modules of FleetHub's, how many are imported: a module that is made two of is none more.
SHARES = {"context": 3, "validate": 21, "plan": 46}


@pytest.mark.parametrize("command", SHARES)
def test_modules_that_are_imported(applied: Place, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    argv = [sys.executable, "-c", ASKED, "-C", str(applied.folder), command]
    subprocess.run(argv, cwd=applied.folder, check=True, capture_output=True)
    imported = Path(applied.folder, "modules").read_text().split()
    ours = [name for name in imported if name.partition(".")[0] == "fleethub"]
    share = 100 * len(ours) / len([*Path(fleethub.__file__).parent.rglob("*.py")])
    assert (share <= SHARES[command], HEAVY[command] & {*imported}) == (True, set()), share
