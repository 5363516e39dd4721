"""What a server answers, against a bare Starlette route that serves the same bytes: p99 of clients without pause.

``make bench`` has GET /api/fleet at 200 nodes with 20 clients; this module by itself the page too, at 2,000 nodes with
100 clients.

Both run as processes of their own under the same settings of uvicorn; rounds alternate within one run.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.fleets import deployment, head, trust
from tests.server.live import Served

NODES, CLIENTS, ROUNDS = 200, 20, 8
BARE = """
import socket, sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

body = Path(sys.argv[1]).read_bytes()

async def fleet(request):
    return Response(body, media_type="application/json")

listening = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
quiet = {"log_config": None, "access_log": False, "server_header": False}
app = Starlette(routes=[Route("/api/fleet", fleet), Route("/", fleet)])
config = uvicorn.Config(app, lifespan="off", ws="none", **quiet)
uvicorn.Server(config).run(sockets=[listening])
"""


def p99(url: str, each: int, clients: int, path: str, accept: str) -> float:
    """Seconds within which 99 of 100 requests are answered, of ``clients`` that ask without pause."""
    times = requests(url, each, clients, path, accept)
    return sorted(times)[int(len(times) * 0.99)]


def requests(url: str, each: int, clients: int = CLIENTS, path: str = "/api/fleet", accept: str = "") -> list[float]:
    """Seconds of each answer to ``clients`` that ask ``each`` times without pause.

    One loop over raw sockets, so that the clients' own work does not hide the server's.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port
    encoding = f"Accept-Encoding: {accept}\r\n" if accept else ""
    ask = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{encoding}\r\n".encode()
    times: list[float] = []
    with selectors.DefaultSelector() as ready:
        for client in [Client(socket.create_connection((host, port)), each) for _ in range(clients)]:
            ready.register(client.connection, selectors.EVENT_READ, client)
            client.send(ask)
        while ready.get_map():
            for key, _ in ready.select(60):
                client = key.data
                if client.receive(times) and not client.send(ask):
                    ready.unregister(client.connection)
                    client.connection.close()
    assert len(times) == clients * each
    return times


class Client:
    """One connection that asks again as soon as it was answered."""

    def __init__(self, connection: socket.socket, requests: int) -> None:
        self.connection, self.left = connection, requests
        self.began, self.missing, self.head = 0.0, 0, b""

    def send(self, ask: bytes) -> bool:
        """Ask once more; False when it has asked often enough."""
        self.left -= 1
        if self.left < 0:
            return False
        self.head, self.missing, self.began = b"", 0, time.perf_counter()
        self.connection.sendall(ask)
        return True

    def receive(self, times: list[float]) -> bool:
        """Take what is there; True when the answer is whole."""
        data = self.connection.recv(1 << 18)
        if not data:
            raise SystemExit("the server closed a connection")
        if not self.missing:
            self.head += data
            head, end, body = self.head.partition(b"\r\n\r\n")
            if not end:
                return False
            if b" 200 " not in head.partition(b"\r\n")[0]:
                raise SystemExit(f"the server answered {head[:100]!r}")
            self.missing = int(re.search(rb"content-length: (\d+)", head.lower())[1])  # type: ignore[index]
            data = body
        self.missing -= len(data)
        if self.missing:
            return False
        times.append(time.perf_counter() - self.began)
        return True


#: What is asked for, and with which encoding.
ROWS = {
    "GET /api/fleet": ("/api/fleet", ""),
    "GET /api/fleet, gzip": ("/api/fleet", "gzip"),
    "the page": ("/", ""),
    "the page, gzip": ("/", "gzip"),
}


def fleet_ratio(nodes: int = NODES, clients: int = CLIENTS, rows: Iterable[str] = ("GET /api/fleet",)) -> float:
    """The worst row's p99 over the bare route's, each the best of its rounds: what else the machine does only adds."""
    from fleethub.testing.litellm import LiteLLM
    from tests.support import MASTER, SEED

    models = [deployment("one"), deployment("two")]
    with tempfile.TemporaryDirectory() as name, LiteLLM(models=models, master_key=MASTER) as proxy:
        folder = Path(name)
        blocks = "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(nodes))
        (folder / "fleet.toml").write_text(head(proxy.url) + blocks)
        trust(folder)
        (folder / "fleet.seed").write_text(SEED)
        (folder / "fleet.seed").chmod(0o600)
        ours = Served(folder, "--interval", "1h", LITELLM_MASTER_KEY=MASTER)
        try:
            ours.observed()
            return max(_ratio(ours, folder / "body", row, clients) for row in rows)
        finally:
            ours.stop()


def _ratio(ours: Served, body: Path, row: str, clients: int) -> float:
    """One row's p99 over that of a route which has nothing to do but send the same bytes, zipped where ours are.

    A client unzips nothing. Beside it stands a processor's time for a request, which other work does not change.
    """
    path, accept = ROWS[row]
    url = ours.url
    ask = urllib.request.Request(url.rstrip("/") + path, headers={"Accept-Encoding": accept} if accept else {})
    with urllib.request.urlopen(ask, timeout=60) as answer:
        body.write_bytes(answer.read())
    bare = subprocess.Popen([sys.executable, "-c", BARE, str(body)], stdout=subprocess.PIPE, text=True)
    try:
        assert bare.stdout is not None
        theirs = bare.stdout.readline().strip()
        each = max(2000 // clients, 1)
        servers = ((url, ours.process.pid), (theirs, bare.pid))
        rounds = [[_round(*one, each, clients, path, accept) for one in servers] for _ in range(ROUNDS + 1)]
    finally:
        bare.kill()
        bare.wait()
    (mine, my_time), (their, their_time) = (
        [min(values) for values in zip(*one, strict=True)]
        for one in zip(*rounds[1:], strict=True)  # the first warms both up
    )
    size = body.stat().st_size / 1024
    print(
        f"{row} ({size:.0f} KiB, {clients} clients): p99 {mine * 1000:.1f} ms, bare route {their * 1000:.1f} ms: "
        f"{mine / their:.2f}; of a processor {my_time * 1000:.3f} and {their_time * 1000:.3f} ms a request: "
        f"{my_time / their_time:.2f}",
        flush=True,
    )
    return mine / their


def _round(url: str, pid: int, each: int, clients: int, path: str, accept: str) -> tuple[float, float]:
    """p99, and the server's own seconds of a processor for a request."""
    before = _used(pid)
    found = p99(url, each, clients, path, accept)
    return found, (_used(pid) - before) / (each * clients)


def _used(pid: int) -> float:
    """Seconds of a processor that a process has had, of Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print the figures of a large fleet with many clients."""
    found = fleet_ratio(2000, 100, ROWS)
    print(f"p99 ratio {found:.2f}, aimed at 1.5 at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
