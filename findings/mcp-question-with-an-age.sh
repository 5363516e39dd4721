#!/usr/bin/env bash
# mcp 2.3.0 (the official Python SDK, protocol 2026-07-28): a question to the person before a tool runs is asked again after
# the answer, and the answer counts only for the very same text. A clock, an age or a counter in the question never ends.
#
# There is no way back from server to client in the middle of a tool any more: ctx.elicit raises, callback or not. What is
# left is a parameter that is resolved by a question. The client then repeats the whole call with the answer, the server
# makes the question anew, and compares: "approve the plan, seen 3 s ago?" is another question a second later, so that the
# person is asked until the client gives up. With a question of nothing that moves one answer is enough.
#
# Seen:
#   the same text: asked 1 times, approved
#   with a number: asked 10 times, InputRequiredRoundsExceededError
#   ctx.elicit: Cannot send 'elicitation/create'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check mcp==2.3.0
cat >show.py <<'PY'
import itertools
from typing import Annotated

import anyio
import mcp_types as types
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import AcceptedElicitation, Elicit, Resolve
from pydantic import BaseModel

server = MCPServer("store")
age = itertools.count()
asked = 0


class Yes(BaseModel):
    yes: bool


def same() -> Elicit[Yes]:
    return Elicit("Approve plan 1f2e?", Yes)


def aged() -> Elicit[Yes]:
    return Elicit(f"Approve plan 1f2e, seen {next(age)} s ago?", Yes)


@server.tool()
def fixed(answer: Annotated[Yes, Resolve(same)]) -> str:
    return "approved" if answer.yes else "declined"


@server.tool()
def moving(answer: Annotated[Yes, Resolve(aged)]) -> str:
    return "approved" if answer.yes else "declined"


@server.tool()
async def inside(ctx: Context) -> str:
    return str(await ctx.elicit("Approve?", Yes))


async def person(context, params):
    global asked
    asked += 1
    return types.ElicitResult(action="accept", content={"yes": True})


async def main():
    global asked
    async with Client(server, elicitation_callback=person) as client:
        told = await client.call_tool("fixed", {})
        print(f"the same text: asked {asked} times, {told.content[0].text}")
        asked = 0
        try:
            told = await client.call_tool("moving", {})
            said = told.content[0].text
        except Exception as error:
            said = type(error).__name__
        print(f"with a number: asked {asked} times, {said}")
        try:
            said = (await client.call_tool("inside", {})).content[0].text
        except Exception as error:
            said = str(error).partition(":")[0]
        print(f"ctx.elicit: {said}")


anyio.run(main)
PY
seen=$(venv/bin/python show.py 2>err) || { cat err >&2; exit 1; }
echo "$seen"
wanted="the same text: asked 1 times, approved
with a number: asked 10 times, InputRequiredRoundsExceededError
ctx.elicit: Cannot send 'elicitation/create'"
[ "$seen" = "$wanted" ] || { echo "it is otherwise by now" >&2; exit 1; }
