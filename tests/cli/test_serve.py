"""``fleethub serve`` as its user meets it: start, what it refuses, signals, an apply beside it."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleethub.model.exit import Exit
from tests.server.live import interpreter, serving
from tests.support import MASTER, Place
from tests.test_laws import SPEC, World


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.applied(tmp_path, SPEC)


def token(place: Place, text: str = "") -> str:
    value = text or "fhsk_" + secrets.token_urlsafe(32)
    file = place.folder / "fleethub.token"
    file.touch(0o600)
    file.write_text(value + "\n")
    return value


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, Exit.INTERRUPTED)])
def test_it_says_where_it_is_observes_by_itself_and_ends_on_a_signal(
    place: Place, how: signal.Signals, code: int
) -> None:
    with serving(place.folder, start=interpreter, LITELLM_MASTER_KEY=MASTER) as served:
        assert served.said["fleet"] == "laws"
        assert served.url.startswith("http://127.0.0.1:")
        body = served.observed()
        assert body["sentence"] == "Nothing to do: the fleet is as the spec says."
        ended, errors = served.stop(how)
    assert ended == code
    assert "Traceback" not in errors


def test_a_hang_does_not_hold_the_end_up(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = (place.folder / "fleet.toml").read_text()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        place.write(text.replace('url = "http://', f'url = "{url}" # http://', 1))
        with serving(place.folder, LITELLM_MASTER_KEY=MASTER) as served:
            assert served.get("/api/fleet")["observation"]["at"] is None
            silent.accept()[0].close()
            assert served.stop()[0] == 0


def test_who_waits_for_a_write_is_told_when_the_server_is_stopped(place: Place) -> None:
    order = b'{"node": "a", "model": "gpt-oss-20b", "project": "Volta"}'
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = (place.folder / "fleet.toml").read_text()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        place.write(text.replace('url = "http://', f'url = "{url}" # http://', 1))
        with (
            serving(place.folder, LITELLM_MASTER_KEY=MASTER) as served,
            socket.create_connection(("127.0.0.1", urlsplit(served.url).port)) as asking,
        ):
            head = f"POST /api/fleet/assign HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(order)}\r\n\r\n"
            asking.sendall(head.encode() + order)
            assert served.get("/healthz")["ok"] is True
            code, errors = served.stop()
            answer = b"".join(iter(lambda: asking.recv(65536), b""))
    assert code == 0
    assert "Traceback" not in errors
    assert b" 503 " in answer.splitlines()[0]
    assert b'"code": "STOPPING"' in answer


def test_an_apply_beside_it_is_seen(place: Place) -> None:
    with serving(place.folder, LITELLM_MASTER_KEY=MASTER) as served:
        assert served.observed()["serial"] == 1
        place.edit("rpm = 60", "rpm = 61")
        place.apply()
        assert served.get("/api/fleet")["serial"] == 2


def test_drift_is_seen_by_the_next_look(place: Place, world: World) -> None:
    with serving(place.folder, "--interval", "100ms", LITELLM_MASTER_KEY=MASTER) as served:
        assert served.observed()["drift"] == []
        world.admin.update("a", models=["qwen3-32b"])
        drift = served.until(lambda: served.get("/api/fleet")["drift"])
    assert [d["address"] for d in drift] == ["key.main.a"]


def test_a_token_is_asked_for(place: Place) -> None:
    value = token(place)
    with serving(place.folder, "--token", "file:fleethub.token", LITELLM_MASTER_KEY=MASTER) as served:
        with pytest.raises(urllib.error.HTTPError) as refused:
            served.get("/api/fleet")
        refused.value.close()
        assert refused.value.code == 401
        assert served.get("/healthz")["ok"] is True
        asked = urllib.request.Request(served.url + "api/fleet", headers={"Authorization": f"Bearer {value}"})
        with urllib.request.urlopen(asked, timeout=300) as answer:
            assert answer.status == 200
        _, errors = served.stop()
    assert value not in errors


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--host", "0.0.0.0"], "a token is required"),
        (["--host", "nowhere.invalid"], "no name or address of this machine"),
        (["--token", "file:absent"], "does not exist"),
        (["--token", "fhsk_literal"], "--token"),
        (["--token", "file:fleethub.token"], "is no token: it is fhsk_ and 43 characters"),
        (["--interval", "soon"], "write it like 60s"),
        (["--interval", "0s"], "--interval"),
        (["--port", "99999"], "--port"),
    ],
)
def test_what_it_does_not_start_with(place: Place, argv: list[str], said: str) -> None:
    token(place, "fhsk_short")
    out = place.run("serve", "--port", "0", *argv, code=1)
    assert said in out
    assert "Traceback" not in out
    assert "fhsk_short" not in out


def test_a_token_file_that_others_can_read(place: Place) -> None:
    token(place)
    (place.folder / "fleethub.token").chmod(0o644)
    assert "chmod 600" in place.run("serve", "--token", "file:fleethub.token", code=1)


def test_a_port_that_is_taken(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        out = place.run("serve", "--port", str(port), code=1)
    assert f"cannot listen at 127.0.0.1:{port}" in out
    assert "--port 0" in out


def test_a_spec_that_does_not_hold_together(place: Place) -> None:
    place.write("[fleet\n")
    assert "fleet.toml:1" in place.run("serve", "--port", "0", code=1)


def test_without_the_extra(place: Place) -> None:
    code = (
        "import sys\nsys.modules['uvicorn'] = None\nfrom fleethub.cli import main\n"
        f"main(['-C', {str(place.folder)!r}, 'serve', '--port', '0'])"
    )
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{sys.executable} -m pip install '.[server]'" in done.stderr
