"""An agent that moves nodes off a lost backend: it asks what is there, proposes, waits for a person, and verifies.

    python coordinator.py FLEET-FOLDER [--every SECONDS] [--patience SECONDS]

It decides nothing: every move is a proposal for ``fleethub approve``, and ``fleethub apply`` carries it out. Ends with
0 when every node that it wanted moved runs on a backend that answers, with 3 when nothing can take one, with 1 when a
person said no or nobody said yes in time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

NAME = "coordinator"
Answer = Mapping[str, Any]


async def ask(fleet: Client, tool: str, **arguments: Any) -> Answer:
    """A tool's answer; ends the program with FleetHub's own words where it refuses."""
    found = await fleet.call_tool(tool, arguments)
    if found.is_error:
        sys.exit(f"{tool}: {found.content[0].text}")
    answer: Answer = found.structured_content
    return answer


def stranded(there: Answer) -> list[Answer]:
    """Nodes whose primary model is on no backend that answers."""
    lost = {b["name"] for b in there["backends"] if b["url"] and b["state"] != "there"}
    on = {m["name"]: set(m["backends"]) for m in there["models"]}
    return [n for n in there["nodes"] if n["chain"] and (on.get(n["chain"][0]) or {""}) <= lost]


async def refuge(fleet: Client, there: Answer, node: Answer) -> str:
    """The next model of the node's chain that a backend which answers holds beside all else; empty: none does."""
    answers = {b["name"] for b in there["backends"] if b["state"] == "there"}
    on = {m["name"]: set(m["backends"]) & answers for m in there["models"]}
    for model in node["chain"][1:]:
        for backend in sorted(on.get(model, ())):
            judged = (await ask(fleet, "capacity", backend=backend, model=model))["answer"]
            if judged["verdict"]["fit"] == "fits":
                return str(model)
    return ""


async def moved(fleet: Client, wanted: Mapping[str, str], every: float, end: float) -> bool:
    """Whether a person approved every move and applied it; False when one was declined, or time is up."""
    gone: set[str] = set()  # a yes takes the proposal off the shelf before the spec has it: what is gone twice had a no
    while time.monotonic() < end:
        waits = {one["node"] for one in (await ask(fleet, "proposals"))["proposals"]}
        nodes = {n["name"]: n for n in (await ask(fleet, "fleet", max_age=max(every, 1)))["nodes"]}
        if all(nodes[name]["chain"][:1] == [model] and not nodes[name]["change"] for name, model in wanted.items()):
            return True
        before, gone = gone, {n for n, model in wanted.items() if n not in waits and nodes[n]["chain"][:1] != [model]}
        if declined := before & gone:
            print(f"a person said no: {', '.join(sorted(declined))}")
            return False
        await anyio.sleep(every)
    print("nobody decided in time; the proposals still wait")
    return False


async def coordinate(folder: str, every: float, patience: float) -> int:
    """One round."""
    program = shutil.which("fleethub")
    command, words = (program, []) if program else (sys.executable, ["-m", "fleethub"])
    server = StdioServerParameters(
        command=command, args=[*words, "-C", folder, "mcp", "--as", NAME], env=dict(os.environ)
    )
    async with Client(server) as fleet:
        there = await ask(fleet, "fleet")
        wanted: dict[str, str] = {}
        for node in stranded(there):
            model = await refuge(fleet, there, node)
            if not model:
                print(f"{node['name']}: nothing of its chain fits where a backend answers")
                return 3
            made = await ask(fleet, "assign", node=node["name"], model=model, project=node["owner"] or NAME)
            print(f"{node['name']}: {made['state']}: {made.get('approve') or made['says']}", flush=True)
            if made["state"] == "refused":
                print(made["findings"][0]["message"] if made["findings"] else "refused")
                return 3
            wanted[node["name"]] = model
        if not wanted:
            print("every node's primary model is on a backend that answers")
            return 0
        if not await moved(fleet, wanted, every, time.monotonic() + patience):
            return 1
        proved = await ask(fleet, "verify", nodes=sorted(wanted))
        print("moved, and its calls are answered" if proved["exit"] == 0 else "moved, and something is wrong: verify")
        return int(proved["exit"])


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder")
    words.add_argument("--every", type=float, default=15.0)
    words.add_argument("--patience", type=float, default=3600.0)
    given = words.parse_args()
    sys.exit(anyio.run(coordinate, given.folder, given.every, given.patience))
