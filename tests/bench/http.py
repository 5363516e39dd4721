"""GET /api/fleet at 200 nodes with 20 clients, against a bare Starlette route that serves the same bytes.

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
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.fleets import deployment, head, trust
from tests.server.live import Served

NODES, CLIENTS, ROUNDS, REQUESTS = 200, 20, 8, 100
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
config = uvicorn.Config(Starlette(routes=[Route("/api/fleet", fleet)]), lifespan="off", ws="none", **quiet)
uvicorn.Server(config).run(sockets=[listening])
"""


def p99(url: str) -> float:
    """Seconds within which 99 of 100 requests are answered, of ``CLIENTS`` that ask without pause."""
    times = requests(url, REQUESTS)
    return sorted(times)[int(len(times) * 0.99)]


def requests(url: str, each: int) -> list[float]:
    """Seconds of each answer to ``CLIENTS`` that ask ``each`` times without pause.

    One loop over raw sockets, so that the clients' own work does not hide the server's.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port
    ask = f"GET /api/fleet HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    times: list[float] = []
    with selectors.DefaultSelector() as ready:
        clients = [Client(socket.create_connection((host, port)), each) for _ in range(CLIENTS)]
        for client in clients:
            ready.register(client.connection, selectors.EVENT_READ, client)
            client.send(ask)
        while ready.get_map():
            for key, _ in ready.select(60):
                client = key.data
                if client.receive(times) and not client.send(ask):
                    ready.unregister(client.connection)
                    client.connection.close()
    assert len(times) == CLIENTS * each
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


def fleet_ratio() -> float:
    """p99 of ours over the bare route's, each the best of its rounds: what else the machine does only adds."""
    from fleethub.testing.litellm import LiteLLM
    from tests.support import MASTER, SEED

    models = [deployment("one"), deployment("two")]
    with tempfile.TemporaryDirectory() as name, LiteLLM(models=models, master_key=MASTER) as proxy:
        folder = Path(name)
        nodes = "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(NODES))
        (folder / "fleet.toml").write_text(head(proxy.url) + nodes)
        trust(folder)
        (folder / "fleet.seed").write_text(SEED)
        (folder / "fleet.seed").chmod(0o600)
        ours = Served(folder, LITELLM_MASTER_KEY=MASTER)
        try:
            ours.observed()
            body = folder / "body.json"
            with urllib.request.urlopen(ours.url + "api/fleet", timeout=60) as answer:
                body.write_bytes(answer.read())
            command = [sys.executable, "-c", BARE, str(body)]
            bare = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
            try:
                assert bare.stdout is not None
                url = bare.stdout.readline().strip()
                pairs = [(p99(ours.url), p99(url)) for _ in range(ROUNDS + 1)][1:]  # the first warms both up
            finally:
                bare.kill()
                bare.wait()
        finally:
            ours.stop()
    mine, theirs = (min(times) for times in zip(*pairs, strict=True))
    print(f"GET /api/fleet p99 {mine * 1000:.1f} ms, bare route {theirs * 1000:.1f} ms: {mine / theirs:.2f}")
    return mine / theirs


if __name__ == "__main__":
    found = fleet_ratio()
    print(f"p99 ratio {found:.2f} (at most 2)")
    sys.exit(int(found > 2))
