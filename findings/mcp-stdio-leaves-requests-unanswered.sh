#!/usr/bin/env bash
# mcp 2.3.0 (the official Python SDK): over standard input and output a request that cannot be read is never answered.
#
# JSON-RPC has an error for it (-32700, and the id null where the id cannot be told). The stdio server hands such a line
# to the server as an exception, which is dropped: neither the client nor standard error hears of it. So it is for what is
# no JSON, for a number of more digits than Python converts, and for valid JSON with half a surrogate pair ("\ud800", which
# JavaScript's JSON.stringify may write of a text that was cut): the client waits until its own time is over. Requests
# before and after are answered.
#
# Seen:
#   answered: [1, 6]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check mcp==2.3.0

cat >serve.py <<'PY'
import anyio
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server


async def called(context, params):
    return types.CallToolResult(content=[types.TextContent(text="done")])


async def main():
    server = Server("store", on_call_tool=called)
    async with stdio_server() as (reads, writes):
        await server.run(reads, writes, server.create_initialization_options())


anyio.run(main)
PY
cat >ask.py <<'PY'
import json
import subprocess
import sys

START = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
CALL = '{"jsonrpc": "2.0", "id": %d, "method": "tools/call", "params": {"name": "t", "arguments": %s}}'
LINES = (
    json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": START}),
    json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    '{"jsonrpc": "2.0", "id": 2, "method": "tools/ca',
    CALL % (3, '{"n": %s}' % ("9" * 5000)),
    CALL % (4, '{"name": "\\ud800"}'),
    CALL % (6, '{"name": "old"}'),
)
server = subprocess.Popen([sys.executable, "serve.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
answered = []
for line in LINES:
    print(line, file=server.stdin, flush=True)
while 6 not in answered:
    answered.append(json.loads(server.stdout.readline())["id"])
server.stdin.close()  # it answers what it still has, and ends
answered += [json.loads(line)["id"] for line in server.stdout]
print("answered:", sorted(answered))
PY
seen=$(venv/bin/python ask.py)
echo "$seen"
wanted="answered: [1, 6]"
[ "$seen" = "$wanted" ] || { echo "it is otherwise by now" >&2; exit 1; }
