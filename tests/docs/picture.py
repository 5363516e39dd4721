"""Draw the page as the README shows it: ``python -m tests.docs.picture docs/page.png`` (needs chromium)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from tests.docs import scenes, scenes_shared  # noqa: F401 - they name the scenes
from tests.docs.world import SCENES, World

WIDE, HIGH = 1180, 1320
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1")


def main(picture: Path) -> None:
    """A fleet whose key somebody narrowed by hand, as an operator finds it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = World(folder / "home", stack)
        for name in (
            "an applied fleet",
            "a key narrowed by hand",
            "a model in memory",
            "fleethub serve in another terminal",
        ):
            SCENES[name](world)
        (line,) = (world.shell.home / ".curlrc").read_text().splitlines()
        url = f"http://127.0.0.1:{line.rstrip(chr(34)).rsplit(':', 1)[1]}/"
        with urllib.request.urlopen(url + "api/fleet?refresh=true", timeout=60):
            pass
        where = [f"--window-size={WIDE},{HIGH}", f"--user-data-dir={folder}/chromium", f"--screenshot={picture}"]
        subprocess.run(["chromium", *FLAGS, *where, url], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
