"""Where the long-running commands listen, and the token that callers show them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import socket

    from fleethub.model.secret import Secret

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
TOKEN = re.compile(r"fhsk_[A-Za-z0-9_-]{43}")
MAKE = "(umask 077; python3 -c 'import secrets; print(\"fhsk_\" + secrets.token_urlsafe(32))' > fleethub.token)"


def token_needed(host: str) -> click.UsageError:
    """What to say to who listens beyond the loopback without one."""
    return click.UsageError(
        f"{host} can be reached from elsewhere, so a token is required: --token file:fleethub.token, made with: {MAKE}"
    )


def token_of(root: Path, text: str, option: str = "--token") -> Secret:
    """Open the reference; raises what the command line shows."""
    from fleethub.clients.resolver import SecretError, SecretResolver
    from fleethub.fleetspec.values import reference

    try:
        secret = SecretResolver(root, None).open(reference(text))
    except (SecretError, ValueError) as error:
        raise click.ClickException(f"{option}: {error}") from None
    if not TOKEN.fullmatch(secret.reveal()):
        raise click.ClickException(
            f"{option}: what {text} holds is no token: it is fhsk_ and 43 characters; make one with: {MAKE}"
        )
    return secret


def people_of(root: Path, given: Iterable[str], shared: Secret | None = None) -> dict[str, Secret]:
    """``NAME=REF`` each; ``shared``: the token that programs show, which is nobody's own. Raises what the command line
    shows.
    """
    found: dict[str, Secret] = {}
    for one in given:
        name, equals, reference = one.partition("=")
        if not equals or not NAME.fullmatch(name):
            raise click.UsageError(
                f"--person {one}: write it like eva=file:eva.token; a name is letters, digits, - . _"
            )
        secret = token_of(root, reference, "--person")
        if shared is not None and secret.reveal() == shared.reveal():
            raise click.UsageError(f"--person {name}: that is the token of --token, which programs and agents show too")
        if name in found or secret.reveal() in {other.reveal() for other in found.values()}:
            raise click.UsageError(f"--person {name}: each person has one name, and a token of their own")
        found[name] = secret
    return found


def listen(host: str, port: int) -> socket.socket:
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


def loopback(listening: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    import ipaddress

    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def url_of(host: str, listening: socket.socket) -> str:
    """With a slash at its end."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}/"
