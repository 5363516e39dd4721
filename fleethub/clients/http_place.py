"""A URL, read once: whom to connect to, and what is asked for there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

import httpcore

from fleethub.model.dataclass import dataclass
from fleethub.model.trust import PORTS, origin_of

#: What a path and a query may hold as they are: all that means something there, and what is escaped already.
_PATH, _QUERY = "/%:@!$&'()*+,;=~", "/%:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class Place:
    """``at`` as ``model.trust.origin_of`` says it, ``host`` as a header does, ``name`` as a resolver is asked for it;
    ``url`` has no query of a request's own.
    """

    at: str
    origin: httpcore.Origin
    url: httpcore.URL
    host: bytes
    name: str

    def asked(self, params: Mapping[str, object] | None) -> httpcore.URL:
        """The URL with these in its query."""
        if not params:
            return self.url
        query = urlencode({name: str(value) for name, value in params.items()}, quote_via=quote).encode()
        target = self.url.target + (b"&" if b"?" in self.url.target else b"?") + query
        return httpcore.URL(scheme=self.url.scheme, host=self.url.host, port=self.url.port, target=target)


@lru_cache(256)
def place_of(url: str) -> Place:
    """Where a URL leads; raises ValueError (UnicodeError is one)."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"{parts.scheme}:// is not spoken, or nobody is named")
    name = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    usual = PORTS[parts.scheme]
    port = None if parts.port == usual else parts.port
    host = f"[{name}]" if ":" in name else name
    target = quote(parts.path, _PATH) or "/"
    if parts.query:
        target += f"?{quote(parts.query, _QUERY)}"
    scheme = parts.scheme.encode()
    return Place(
        origin_of(url),
        httpcore.Origin(scheme, name.encode(), usual if port is None else port),
        httpcore.URL(scheme=scheme, host=name, port=port, target=target),
        (host if port is None else f"{host}:{port}").encode(),
        name,
    )
