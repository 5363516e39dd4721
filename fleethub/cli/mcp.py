"""``fleethub mcp``."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from fleethub import folders
from fleethub.cli.output import Out, for_readers, guarded
from fleethub.cli.whereabouts import instead_of_init
from fleethub.model.exit import Exit
from fleethub.model.extras import install
from fleethub.views.commands import Commands

if TYPE_CHECKING:
    from fleethub.server.mcp.desk import Desk

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
INTERVAL = 20.0  # seconds; an answer that is older than three of these says that it is stale


def _name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter("it is lower-case letters, digits and dashes, at most 63, as in [agents.NAME]")
    return value


@click.command()
@click.option("--as", "agent", default="agent", show_default=True, callback=_name, help="What this agent is called.")
@click.option("--http", is_flag=True, help="Serve streamable HTTP at /mcp instead of standard input and output.")
@click.option("--host", default="127.0.0.1", metavar="NAME", show_default=True, help="With --http: where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=3311, show_default=True, help="0: any that is free.")
@click.option("--token", metavar="REF", help="With --http: what callers must show, as for fleethub serve.")
@click.pass_obj
def cmd(options: dict[str, object], agent: str, http: bool, host: str, port: int, token: str | None) -> None:
    """Give agents the fleet as MCP tools: to read, and to propose edits that a person approves.

    [policy] agents and [agents.NAME] in the spec say what may be asked for. Needs the extra mcp (docs/install.md).
    """
    out = Out(options)

    def work() -> int:
        try:
            import anyio

            from fleethub.operations.resident import settled
            from fleethub.server.mcp.app import over_stdio
            from fleethub.server.mcp.desk import Desk
            from fleethub.server.site import site_of
        except ModuleNotFoundError as error:
            raise click.ClickException(f"mcp needs {error.name}, which is not there: {install('mcp')}") from None
        if not http and token is not None:
            raise click.UsageError("--token is for --http: whoever starts this program talks to it alone")

        settled()

        def desk(commands: Commands) -> Desk:
            site = site_of(out.path, INTERVAL, out.trusting(ask=False), commands)
            for one in map(instead_of_init, site.snapshots.latest.findings):
                if one.code == "spec.unreadable":  # else an agent would be told to make a fleet; stdout is the client's
                    raise click.ClickException(f"{one.message}: {one.hint}")
            return Desk(site, agent)

        if http:
            return _serve(out, desk, host, port, token)
        here = desk(for_readers(out.path, True))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # its input may be blocked in a thread
        anyio.run(over_stdio, here)
        return Exit.FINE

    guarded(out, work)


def _serve(out: Out, make: Callable[[Commands], Desk], host: str, port: int, token: str | None) -> int:
    import uvicorn

    from fleethub.cli.listening import listen, loopback, token_needed, token_of, url_of
    from fleethub.server.access import AccessGuard, AccessPolicy
    from fleethub.server.bounded import Bounded
    from fleethub.server.mcp.app import over_http

    root = out.path if folders.is_folder(out.path) else out.path.parent
    secret = token_of(root, token) if token is not None else None
    with listen(host, port) as listening:
        if secret is None and not loopback(listening):
            raise token_needed(host)
        desk = make(for_readers(out.path, loopback(listening)))
        policy = AccessPolicy(frozenset({host.lower().rstrip(".")}), secret)
        app = over_http(desk, lambda inner: AccessGuard(inner, policy))
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        out.text(f"{desk.agent} is served at {url_of(host, listening)}mcp (Ctrl-C stops)")
        out.line({"type": "serving", "agent": desk.agent, "url": f"{url_of(host, listening)}mcp"})
        uvicorn.Server(uvicorn.Config(app, http=Bounded, lifespan="on", ws="none", **quiet)).run(sockets=[listening])
    return Exit.FINE
