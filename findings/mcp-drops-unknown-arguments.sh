#!/usr/bin/env bash
# mcp 2.3.0 (the official Python SDK): a tool's argument that it does not know is dropped in silence, and the call goes on
# without it, so that a misspelt "dry_runn": true runs for real.
#
# The schema that MCPServer publishes of a function says nothing of further properties, the model that it judges a call by
# ignores them, and the client sends what it is given. Neither side warns; the answer is an ordinary one. Who writes a tool
# that changes something must refuse extras himself: there is no setting of the decorator for it. On the SDK's lower layer
# (mcp.server.lowlevel) the arguments arrive as they were sent.
#
# Seen:
#   MCPServer: deleted for real | error: False | additionalProperties in the schema: False
#   lowlevel:  arrived: ['dry_runn', 'name']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check mcp==2.3.0

cat >show.py <<'PY'
import anyio
import mcp_types as types
from mcp import Client
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer

server = MCPServer("store")
SENT = {"name": "old", "dry_runn": True}


@server.tool()
def delete(name: str, dry_run: bool = False) -> str:
    return "would delete" if dry_run else "deleted for real"


async def listed(context, params):
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    return types.ListToolsResult(tools=[types.Tool(name="delete", input_schema=schema)])


async def called(context, params):
    return types.CallToolResult(content=[types.TextContent(text=str(sorted(params.arguments)))])


async def main():
    async with Client(server) as client:
        (tool,) = (await client.list_tools()).tools
        told = await client.call_tool("delete", SENT)
        closed = "additionalProperties" in tool.input_schema
        print(f"MCPServer: {told.content[0].text} | error: {told.is_error} | additionalProperties in the schema: {closed}")
    async with Client(Server("store", on_list_tools=listed, on_call_tool=called)) as client:
        print(f"lowlevel:  arrived: {(await client.call_tool('delete', SENT)).content[0].text}")


anyio.run(main)
PY
seen=$(venv/bin/python show.py 2>/dev/null)
echo "$seen"
wanted="MCPServer: deleted for real | error: False | additionalProperties in the schema: False
lowlevel:  arrived: ['dry_runn', 'name']"
[ "$seen" = "$wanted" ] || { echo "it is otherwise by now" >&2; exit 1; }
