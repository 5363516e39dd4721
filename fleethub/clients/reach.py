"""Who answers at all: one connection attempt to each address at once, names looked up included, within one short time.

A name server or host that says nothing would hold up a question about the fleet for many seconds.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing listens at an address. ``alive``: its machine refused the connection, so it is up."""

    reason: str
    alive: bool = False


def silent(urls: Iterable[str], seconds: float = SECONDS) -> dict[str, Silence]:
    """Of http(s) URLs, those at which nobody answers within ``seconds``, and why.

    What is asked through a web proxy (HTTP_PROXY) counts as there.
    """
    wanted = [url for url in dict.fromkeys(urls) if not _proxied(url)]
    end = time.monotonic() + seconds
    found: dict[str, Silence | None] = {}

    def attempt(url: str) -> None:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=seconds).close()
            found[url] = None
        except ConnectionRefusedError:
            found[url] = Silence("cannot connect (connection refused)", alive=True)
        except (OSError, UnicodeError) as error:
            found[url] = Silence(f"cannot connect ({getattr(error, 'strerror', None) or 'no answer'})")

    # daemon threads: one that hangs in the name server's library must not hold up the end of the process
    threads = [threading.Thread(target=attempt, args=(url,), daemon=True) for url in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = Silence(f"no connection within {seconds:g} s")
    answers = {url: found.get(url, late) for url in wanted}
    return {url: answer for url, answer in answers.items() if answer is not None}


def _proxied(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
