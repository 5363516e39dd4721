"""Who answers at all: one connection attempt to each address at once, names looked up included, within one short time.

A name server or host that says nothing would hold up a question about the fleet for many seconds.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fleethub.model.dataclass import dataclass

SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing listens at an address. ``alive``: its machine refused the connection, so it is up."""

    reason: str
    alive: bool = False


class ConnectionProbe:
    """Connection attempts to http(s) URLs, under way from now on for ``seconds``.

    What is asked through a web proxy (HTTP_PROXY) counts as there.
    """

    def __init__(self, urls: Iterable[str], seconds: float = SECONDS) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds
        self._found: dict[str, Unreachable | None] = {}
        wanted = [url for url in dict.fromkeys(urls) if not _proxied(url)]
        # daemon threads: one that hangs in the name server's library must not hold up the end of the process
        self._threads = {url: threading.Thread(target=self._attempt, args=(url,), daemon=True) for url in wanted}
        for thread in self._threads.values():
            thread.start()

    def unreachable(self) -> dict[str, Unreachable]:
        """Those at which nobody answers, and why; waits until each has, or the time is over."""
        for thread in self._threads.values():
            thread.join(max(0.0, self._end - time.monotonic()))
        late = Unreachable(f"no connection within {self._seconds:g} s")
        answers = {url: self._found.get(url, late) for url in self._threads}
        return {url: answer for url, answer in answers.items() if answer is not None}

    def _attempt(self, url: str) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=self._seconds).close()
            self._found[url] = None
        except ConnectionRefusedError:
            self._found[url] = Unreachable("cannot connect (connection refused)", alive=True)
        except (OSError, UnicodeError) as error:
            self._found[url] = Unreachable(f"cannot connect ({getattr(error, 'strerror', None) or 'no answer'})")


def unreachable(urls: Iterable[str], seconds: float = SECONDS) -> dict[str, Unreachable]:
    """Of http(s) URLs, those at which nobody answers within ``seconds``, and why."""
    return ConnectionProbe(urls, seconds).unreachable()


def _proxied(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
