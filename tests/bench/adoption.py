"""Adoption of 200 keys and 100 nodes, against a plan of the same fleet: what of it is more than reading it once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment
from tests.proxies import Admin
from tests.support import MASTER

KEYS, NODES = 200, 100
Run = Callable[..., float]


def adoption_ratio(fleethub: Run) -> float:
    """Seconds of ``import --all`` over those of the plan after it; the import is done once, of the plan the best of 3.

    ``fleethub(folder, *argv)`` gives a command's seconds.
    """
    models = [deployment("one"), deployment("two")]
    with tempfile.TemporaryDirectory() as name, LiteLLM(models=models, master_key=MASTER) as proxy:
        os.environ["XDG_CONFIG_HOME"] = f"{name}/config"
        folder, admin = Path(name) / "fleet", Admin(proxy.url)
        values = [admin.generate(key_alias=f"k{i}", models=["one", "two"], rpm_limit=600) for i in range(KEYS)]
        for i in range(NODES):
            node = folder / f"nodes/n{i}"
            node.mkdir(parents=True)
            provider = {"baseUrl": f"{proxy.url}/v1", "apiKey": "${LLM}", "models": [{"id": "one", "name": "One"}]}
            config = {"models": {"providers": {"llm": provider}}, "agents": {"defaults": {"model": "llm/one"}}}
            (node / "openclaw.json").write_text(json.dumps(config))
            (node / ".env").write_text(f"LLM={values[i]}\n")
        named = [word for i in range(NODES) for word in ("--node", f"nodes/n{i}")]
        contexts = ("--context", "one=8192", "--context", "two=8192")
        found = fleethub(folder, "init", "bench", "--discover", "--proxy", proxy.url, *named, *contexts, "--yes")
        taken = fleethub(folder, "import", "--all", "--yes")
        planned = min(fleethub(folder, "plan", "--detailed-exitcode") for _ in range(3))
        print(f"{KEYS} keys and {NODES} nodes: discover {found:.2f} s, import {taken:.2f} s, plan {planned:.2f} s")
        return taken / planned
