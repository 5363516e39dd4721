"""Who answers at all: one short wait for all addresses together."""

from __future__ import annotations

import socket
import threading

import pytest

from fleethub.clients import probe
from fleethub.clients.probe import ConnectionProbe, unreachable


def test_hosts_that_say_nothing_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [f"http://gpu-{n}.example:11434" for n in range(60)]
    all_of_them = threading.Barrier(len(urls) + 1)

    def swallow(*_: object, **__: object) -> socket.socket:
        all_of_them.wait(300)
        raise TimeoutError

    monkeypatch.setattr(probe.socket, "create_connection", swallow)
    found = ConnectionProbe(urls, 0.2).unreachable()
    all_of_them.wait(300)  # they are all under way: one after the other, the first would wait for the others
    assert {url: silence.reason for url, silence in found.items()} == dict.fromkeys(urls, "no connection within 0.2 s")


def test_who_answers_is_not_named_and_who_refuses_is_alive() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, and nobody listens
        urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (there, closed)]
        found = unreachable([*urls, urls[0]], 10)
    assert set(found) == {urls[1]}
    assert found[urls[1]].alive
    assert "refused" in found[urls[1]].reason


def test_what_goes_through_a_web_proxy_counts_as_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert unreachable(["http://gpu.example:11434"], 0.1) == {}
