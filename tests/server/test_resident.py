"""What a server has in memory: all of its own version from the start, and nothing that a look leaves behind."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import fleethub
from fleethub.operations import resident
from fleethub.server.site import Site
from tests.server.live import Served, interpreter, serving
from tests.support import MASTER, Place

ROOT = Path(fleethub.__file__).parents[1]
READS = (
    *("", "api/fleet", "api/fleet/plan", "api/fleet/nodes/a", "api/fleet/history", "api/fleet/proposals", "metrics"),
    *("api/fleet/capacity", "api/fleet/capacity?model=llama3.1-8b", "?model=gpt-oss-120b", "openapi.json"),
    *("api/fleet?case=camel", "api/fleet/capacity?backend=gpu&model=new&params=3B"),
)
WRITES = {
    "nodes": {"name": "new", "host": "new", "model": "qwen3-32b", "project": "New"},
    "assign": {"node": "a", "model": "llama3.1-8b", "project": "Volta"},
    "release": {"node": "new", "project": "New"},
}


def asked(served: Served, path: str, body: object = None) -> int:
    data = None if body is None else json.dumps(body).encode()
    ask = urllib.request.Request(served.url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(ask, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def counted(served: Served) -> dict[str, int]:
    with urllib.request.urlopen(f"{served.url}metrics", timeout=60) as answer:
        lines = [line.split() for line in answer.read().decode().splitlines()]
    return {name: int(value) for name, value in (line for line in lines if line[0].startswith("fleethub_refresh"))}


def test_a_server_goes_on_while_its_package_is_replaced(place: Place, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(ROOT / "fleethub", site / "fleethub", ignore=shutil.ignore_patterns("testing"))
    shutil.copytree(ROOT / "templates", site / "templates")
    there = {"cwd": site, "start": interpreter, "PYTHONPATH": str(site), "LITELLM_MASTER_KEY": MASTER}
    with serving(place.folder, "--interval", "1s", **there) as served:
        served.observed()
        for file in (site / "fleethub").rglob("*"):
            if file.is_file():
                file.write_text("raise ImportError('another version')\n")
        shutil.rmtree(site / "templates")
        begins = [sys.executable, "-m", "fleethub", "--version"]
        assert "another version" in subprocess.run(begins, cwd=site, capture_output=True, text=True).stderr
        assert {path: asked(served, path) for path in READS} == dict.fromkeys(READS, 200)
        with urllib.request.urlopen(served.url, timeout=60) as page:
            assert page.read().rstrip().endswith(b"</html>")
        written = {path: asked(served, f"api/fleet/{path}", body) for path, body in WRITES.items()}
        assert written == {"nodes": 201, "assign": 200, "release": 200}
        before = counted(served)["fleethub_refreshes_total"]
        served.until(lambda: counted(served)["fleethub_refreshes_total"] > before + 1)
        assert counted(served)["fleethub_refresh_failures_total"] == 0
        assert served.get("/api/fleet")["observation"]["problem"] == ""
        assert served.stop() == (0, "")


def left_behind(site: Site) -> Counter[str]:
    """Packages of the objects that a look leaves to the collector."""
    gc.collect()
    site.snapshots.refresh()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return Counter(type(one).__module__.partition(".")[0] for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_a_look_leaves_no_answer_to_the_collector(site: Site) -> None:
    gc.disable()  # it comes by when it likes
    try:
        left = left_behind(site)
        assert not {"fleethub", "httpx", "httpcore", "h11"} & left.keys()
        assert left["json"] > 0 or sys.version_info >= (3, 14), "is this still needed?"
        resident.settled()
        assert left_behind(site)["json"] == 0
    finally:
        gc.unfreeze()  # the tests after this one are not to pay for it
        gc.enable()
