"""How a place is reached: directly or by the operator's web proxy, and whose certificates are trusted there."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from fleethub.clients.deadline import Network
from fleethub.clients.http_answer import HttpError
from fleethub.model.trust import PORTS

KEPT = 5.0  # seconds for which a connection is kept that nobody uses
PROXIES = ("HTTP", "HTTPS", "ALL")
_HERE = re.compile(r"(?:::ffff:)?127(?:\.\d+){3}")


class Place(NamedTuple):
    """Whom a connection leads to, as it is told to a resolver and to TLS."""

    scheme: bytes
    host: bytes
    port: int

    @property
    def written(self) -> bytes:
        """The host as a URL has it: as httpcore is told it, a web proxy is asked for it."""
        return b"[%b]" % self.host if b":" in self.host else self.host


def place_of(url: httpx.URL) -> Place:
    """Where a URL leads; raises ValueError."""
    if url.scheme not in PORTS or not url.raw_host or not 0 < (url.port or 1) < 1 << 16:
        raise ValueError(f"{url.scheme}:// is not spoken, or nobody is named")
    return Place(url.raw_scheme, url.raw_host, url.port or PORTS[url.scheme])


class Ways:
    """Makes the connections of one command, or of one server. ``authorities``: PEM files by origin."""

    def __init__(self, authorities: Mapping[str, Path]) -> None:
        secure = {url: file for url, file in authorities.items() if url.startswith("https://")}
        self._authorities = {place_of(httpx.URL(url)): file for url, file in secure.items()}
        self._pools: dict[tuple[Path | None, bool, str | None], httpcore.ConnectionPool] = {}
        self._making = Lock()

    def connection(self, place: Place) -> httpcore.ConnectionInterface:
        """A new one, which connects with its first request. Raises HttpError where nothing can be sent there."""
        with self._making:
            proxies = self._proxies  # one that cannot be used is told whatever is asked for
            own = self._authorities.get(place)
            host, tls = place.host.decode(), place.scheme == b"https"
            proxy = None if own is not None or _is_here(host) else _proxy_for(place, proxies)
            name = own, tls, proxy
            if name not in self._pools:
                trusted = _own(own) if own is not None else _trusted() if tls else None
                self._pools[name] = _pool(trusted, proxy)
        return self._pools[name].create_connection(httpcore.Origin(place.scheme, place.written, place.port))

    @cached_property
    def _proxies(self) -> dict[str, str]:
        """This machine's web proxies by scheme, and ``no``, whom they are not for; read once. Raises HttpError."""
        found = {scheme: url if "://" in url else f"http://{url}" for scheme, url in getproxies().items()}
        for scheme in ("http", "https", "all"):
            try:
                parts = urlsplit(found.get(scheme, "http://none"))
                usable = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
            except ValueError:  # whose words may hold a password
                usable = False
            if not usable:
                names = _set(*(f"{name}_PROXY" for name in PROXIES))
                raise HttpError(f"the web proxy is not usable: http:// and https:// are, SOCKS is not{names}")
        return found


def _is_here(name: str) -> bool:
    """What runs on this machine is asked directly, whatever HTTP_PROXY says: a proxy would get the credential, and take
    "localhost" for itself.
    """
    name = name.removesuffix(".")
    return name in ("localhost", "::1") or name.endswith(".localhost") or bool(_HERE.fullmatch(name))


def _proxy_for(place: Place, proxies: Mapping[str, str]) -> str | None:
    """The URL of the web proxy by which a place is asked; None: directly."""
    proxy = proxies.get(place.scheme.decode()) or proxies.get("all")
    if not proxy:
        return None
    name = place.host.decode()
    whole = place.written.decode()
    whole += "" if place.port == PORTS[place.scheme.decode()] else f":{place.port}"
    return None if proxy_bypass(name) or proxy_bypass(whole) else proxy


def _pool(trusted: ssl.SSLContext | None, proxy: str | None) -> httpcore.ConnectionPool:
    """What makes connections of one way; it keeps none itself."""
    by = None
    if proxy is not None:
        parts = urlsplit(proxy)
        name = (unquote(parts.username or ""), unquote(parts.password or ""))
        by = httpcore.Proxy(
            httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target="/"),
            auth=name if any(name) else None,
            ssl_context=_trusted() if parts.scheme == "https" else None,
        )
    return httpcore.ConnectionPool(
        ssl_context=trusted, proxy=by, keepalive_expiry=KEPT, network_backend=Network(httpcore.SyncBackend())
    )


def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted here. Raises HttpError."""
    try:
        return _usual()
    except OSError as error:
        where = _set("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
        raise HttpError(f"TLS cannot be used: {_file_reason(error)}{where}", "certificate") from None


@cache
def _usual() -> ssl.SSLContext:
    """Read once in a process: reading them takes longer than a small plan. Raises OSError."""
    return httpx.create_ssl_context()


def _own(file: Path) -> ssl.SSLContext:
    """The certificates that are trusted here, and those of a PEM file: an authority of one's own, or the server's
    certificate itself. Raises HttpError.
    """
    _trusted()  # what is wrong with the usual ones is told as that
    try:
        context = _usual.__wrapped__()
        context.load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        why = f"the certificates in {file} cannot be used: {_file_reason(error)}"
        raise HttpError(why, "certificate") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _file_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate in PEM form"
    return error.strerror or type(error).__name__


def _set(*names: str) -> str:
    """Which of these variables are set, to be said behind what is wrong with them."""
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    return f" (look at {', '.join(found)})" if found else ""
