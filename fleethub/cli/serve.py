"""``fleethub serve``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from fleethub import folders
from fleethub.cli.listening import listen, loopback, people_of, token_needed, token_of, url_of
from fleethub.cli.output import Out, for_readers, guarded
from fleethub.model.exit import Exit
from fleethub.model.extras import install

if TYPE_CHECKING:
    import socket

GRACE = 5  # seconds for requests that are under way when the server stops
PATIENCE = 2.0  # seconds for a read of the network that is


def _interval(ctx: click.Context, param: click.Parameter, value: str) -> float:
    from fleethub.fleetspec.values import positive_duration

    try:
        return positive_duration(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}: write it like 60s or 5m") from None


@click.command()
@click.option("--host", default="127.0.0.1", metavar="NAME", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=3310, show_default=True, help="0: any that is free.")
@click.option("--token", metavar="REF", help="What callers must show: env:NAME, file:PATH or command:ARGV.")
@click.option(
    "--person",
    "people",
    multiple=True,
    metavar="NAME=REF",
    help="A person who may decide what agents propose, known by a token of their own; may be repeated.",
)
@click.option("--interval", default="60s", callback=_interval, show_default=True, help="Between two observations.")
@click.pass_obj
def cmd(
    options: dict[str, object], host: str, port: int, token: str | None, people: tuple[str, ...], interval: float
) -> None:
    """Serve the fleet's state over HTTP, with a page for people. Writes edit the spec; nothing is ever applied.

    Beyond the loopback a token is required. Needs the extra server (docs/install.md).
    """
    out = Out(options)

    def work() -> int:
        try:
            import uvicorn

            from fleethub.server.access import AccessPolicy
            from fleethub.server.app import build
            from fleethub.server.bounded import Bounded
            from fleethub.server.site import site_of
        except ModuleNotFoundError as error:
            raise click.ClickException(f"serve needs {error.name}, which is not there: {install('server')}") from None
        from fleethub.integrations.tangleclaw.ports import leased
        from fleethub.model.errors import SpecError
        from fleethub.operations.resident import settled
        from fleethub.operations.trust import says
        from fleethub.state.served import told

        root = out.path if folders.is_folder(out.path) else out.path.parent
        secret = token_of(root, token) if token is not None else None
        known = people_of(root, people, secret)
        with listen(host, port) as listening:
            if secret is None and not loopback(listening):
                raise token_needed(host)
            commands = for_readers(out.path, loopback(listening))
            site = site_of(out.path, interval, out.trusting(ask=False), commands)
            snapshot = site.snapshots.latest
            if snapshot.fleet_status is None:
                if snapshot.findings:
                    raise SpecError(snapshot.findings)
                raise click.ClickException(snapshot.problem)
            app = build(site, AccessPolicy(frozenset({host.lower().rstrip(".")}), secret, known))
            settled()
            quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
            config = uvicorn.Config(
                app, http=Bounded, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE, **quiet
            )
            url = url_of(host, listening)
            with leased(root, listening.getsockname()[1]) as lease, told(root, url):
                out.text(f"{snapshot.fleet_status.fleet} is served at {url} (Ctrl-C stops)")
                out.line({"type": "serving", "fleet": snapshot.fleet_status.fleet, "url": url, "pid": os.getpid()})
                sys.stdout.flush()
                for line in (*says(snapshot.plan.findings if snapshot.plan else ()), *filter(None, [lease.note])):
                    out.aside(line)
                return _serve(uvicorn.Server(config), listening, site.snapshots, interval)

    guarded(out, work)


def _serve(server: Any, listening: socket.socket, snapshots: Any, interval: float) -> int:
    """Until a signal; SIGTERM is a clean end."""
    stop = threading.Event()
    reader = threading.Thread(target=snapshots.run, args=(interval, stop), name="observing", daemon=True)

    def ended(number: int, frame: object) -> None:
        raise SystemExit(int(Exit.FINE))

    signal.signal(signal.SIGTERM, ended)
    reader.start()
    code = Exit.FINE
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except SystemExit:
        code = Exit.FINE
    stop.set()
    reader.join(PATIENCE)
    if reader.is_alive():  # a host that does not answer must not hold the end up; a read has nothing to lose
        sys.stdout.flush()
        os._exit(int(code))
    snapshots.close()
    return code
