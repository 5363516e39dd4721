"""Each curl line of API.md, run by a shell against a served demo fleet; and its table of errors."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.server.errors import CODES
from fleethub.testing.demo import MASTER, StandIns
from tests.server.live import Served, serving
from tests.support import Place

PAGE = (Path(__file__).parents[2] / "fleethub/server/API.md").read_text()
LINE = re.compile(r"^(curl -s .*?)\s+# (\d{3})$", re.M)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with StandIns() as fleet:
        place = Place(tmp_path_factory.mktemp("curl") / "fleet", fleet.spec().replace("monad.seed", "fleet.seed"))
        with serving(place.folder, LITELLM_MASTER_KEY=MASTER) as found:
            found.observed()
            yield found


def test_every_line_is_as_it_is_documented(served: Served) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    lines = LINE.findall(PAGE)
    assert len(lines) >= 15
    assert PAGE.count("\ncurl -s") == len(lines) + 1, "only the line with a token has no status"
    got = []
    for line, _ in lines:
        command = line.replace("http://localhost:3310/", served.url) + " -o /dev/null -w '%{http_code}'"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        got.append((line, done.stdout))
    assert got == lines


def test_the_table_of_errors_is_whole() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \| (.+) \|$", PAGE, re.M)
    assert {code: (int(status), says) for code, status, says in rows} == CODES
