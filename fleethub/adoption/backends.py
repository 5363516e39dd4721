"""Model servers that a proxy's deployments name, as backends of a spec."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from fleethub.engines.interface import Engine
from fleethub.fleetspec.added import NewBlock


def origin(url: str) -> str:
    """Scheme, host and port in lower case; empty for what is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.hostname else ""


def backend_block(url: str, engine: Engine, proxy: str, taken: Collection[str]) -> NewBlock | None:
    """A backend by the host of its server's URL; None for a URL that names none. Its GPUs are not known by that."""
    if not origin(url).startswith(("http://", "https://")):
        return None
    host = urlsplit(url).hostname or ""
    name = _free(host, taken)
    fields = {"host": host, "proxy": proxy, engine.settings.engine: {"url": origin(url)}}
    return NewBlock(("backends", name), fields)


def _free(host: str, taken: Collection[str]) -> str:
    """The host's own name, without its domain; an address with dashes; a number behind it where it is taken."""
    first = host if re.fullmatch(r"[\d.:a-f]+", host) and (":" in host or host.count(".") == 3) else host.split(".")[0]
    name = re.sub(r"[^a-z0-9]+", "-", first.lower()).strip("-")[:60] or "gpu"
    tries = [name, *(f"{name}-{n}" for n in range(2, 1000))]
    return next(one for one in tries if one not in taken)
