"""``fleethub serve``."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub import folders
from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    import socket

    from fleethub.model.secret import Secret

TOKEN = re.compile(r"fhsk_[A-Za-z0-9_-]{43}")
MAKE = "(umask 077; python3 -c 'import secrets; print(\"fhsk_\" + secrets.token_urlsafe(32))' > fleethub.token)"
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
@click.option("--interval", default="60s", callback=_interval, show_default=True, help="Between two observations.")
@click.pass_obj
def cmd(options: dict[str, object], host: str, port: int, token: str | None, interval: float) -> None:
    """Serve the fleet's state over HTTP, with a page for people. Writes edit the spec; nothing is ever applied.

    Beyond the loopback a token is required. Needs the extra: pip install '.[server]' in FleetHub's checkout.
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
            raise click.ClickException(
                f"serve needs {error.name}, which is not there: pip install '.[server]' in FleetHub's checkout"
            ) from None
        from fleethub.model.errors import SpecError
        from fleethub.operations.trust import says

        root = out.path if folders.is_folder(out.path) else out.path.parent
        secret = _token(root, token) if token is not None else None
        with _listen(host, port) as listening:
            if secret is None and not _loopback(listening):
                raise click.UsageError(
                    f"{host} can be reached from elsewhere, so a token is required: --token file:fleethub.token, "
                    f"made with: {MAKE}"
                )
            site = site_of(out.path, interval, out.trusting(ask=False))
            snapshot = site.snapshots.latest
            if snapshot.fleet_status is None:
                if snapshot.findings:
                    raise SpecError(snapshot.findings)
                raise click.ClickException(snapshot.problem)
            app = build(site, AccessPolicy(frozenset({host.lower().rstrip(".")}), secret))
            quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
            config = uvicorn.Config(
                app, http=Bounded, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE, **quiet
            )
            url = _url(host, listening)
            out.text(f"{snapshot.fleet_status.fleet} is served at {url} (Ctrl-C stops)")
            out.line({"type": "serving", "fleet": snapshot.fleet_status.fleet, "url": url, "pid": os.getpid()})
            sys.stdout.flush()
            for line in says(snapshot.plan.findings if snapshot.plan else ()):
                click.echo(line, err=True)
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
    return code


def _token(root: Path, text: str) -> Secret:
    """Open the reference; raises what the command line shows."""
    from fleethub.clients.resolver import SecretError, SecretResolver
    from fleethub.fleetspec.values import reference

    try:
        secret = SecretResolver(root, None).open(reference(text))
    except (SecretError, ValueError) as error:
        raise click.ClickException(f"--token: {error}") from None
    if not TOKEN.fullmatch(secret.reveal()):
        raise click.ClickException(
            f"--token: what {text} holds is no token: it is fhsk_ and 43 characters; make one with: {MAKE}"
        )
    return secret


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket at the first address of the name; raises what the command line shows."""
    import socket

    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise click.ClickException(f"--host: {host!r} is no name or address of this machine") from None
    found = socket.socket(family, kind, number)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        raise click.ClickException(
            f"cannot listen at {host}:{port}: {error.strerror}; another --port, or --port 0 for any that is free"
        ) from None
    return found


def _loopback(listening: socket.socket) -> bool:
    import ipaddress

    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def _url(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}/"
