"""Clients and a clock for the tests of the stand-ins."""

import httpx
import pytest


class Clock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def connect():
    """A client of a stand-in, with a bearer."""
    clients = []  # verify=False: reading the certificates is slow, and there are none to check

    def connect(server, key=None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        clients.append(httpx.Client(base_url=server.url, headers=headers, timeout=300, verify=False))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()
