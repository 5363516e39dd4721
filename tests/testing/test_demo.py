"""The demo tells the story to its end, and says so when it does not."""

from __future__ import annotations

import subprocess
import sys


def test_the_demo(tmp_path: object) -> None:
    done = subprocess.run([sys.executable, "-m", "fleethub", "demo"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "Nothing to do: the fleet is as the spec says.",
        "key.main.volta: models changed (will be repaired)",
        "error capacity.exceeded backend.monad-1",
        "drift: key.main.volta: models changed by hand; the next apply undoes it",
        "0 were denied",
        "The fleet's folder stays",
    ):
        assert said in done.stdout
    assert "went wrong" not in done.stdout
