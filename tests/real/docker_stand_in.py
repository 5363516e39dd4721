"""A stand-in for the ``docker`` program: what FleetHub calls of it, with a small web server as the gateway.

``config`` is the real Compose where FLEETHUB_COMPOSE_BIN names it, and ``run`` the real OpenClaw where
FLEETHUB_OPENCLAW_BIN does, with the image's user and the mount's modes minded. ``up`` starts a new process when the
compose file or the env file changed, as Compose recreates a container, and leaves the running one alone otherwise.
``exec`` is OpenClaw's command line: the gateway has the key in its memory from its start or the last reload, and calls
a model with that.
What this leaves unproved: images, mounts, networks, users, and how long a real container takes to come up.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

STATE = Path(os.environ.get("DOCKER_STAND_IN", "/nonexistent"))
OPENCLAW = os.environ.get("FLEETHUB_OPENCLAW_BIN", "")
#: The user that the image runs as unless it is told another one.
NODE = 1000
#: It starts within a few hundredths of a second also where twenty start at once: nothing but sockets is imported.
GATEWAY = r"""
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    peer, _ = server.accept()
    try:
        with peer:
            peer.settimeout(5)
            asked = peer.recv(4096).split(b" ")
            status = b"200 OK" if asked[1:2] == [b"/healthz"] else b"404 Not Found"
            peer.sendall(b"HTTP/1.0 " + status + b"\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}')
    except OSError:
        continue
"""
PYTHON = [sys.executable, "-I", "-S", "-c", GATEWAY]


def flag(words: list[str], *names: str) -> str:
    return next((words[i + 1] for i, word in enumerate(words) if word in names), "")


def log(words: list[str]) -> None:
    with (STATE / "log").open("a") as file:
        file.write(json.dumps({"argv": words, "cwd": str(Path.cwd())}) + "\n")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except (OSError, IndexError):
        return False


def end(project: Path) -> None:
    if project.exists():
        pid = json.loads(project.read_text())["pid"]
        if pid and alive(pid):
            os.kill(pid, signal.SIGKILL)
            while alive(pid):
                time.sleep(0.01)
        project.unlink()


def up(words: list[str]) -> int:
    compose, env = Path(flag(words, "-f")), Path(flag(words, "--env-file"))
    text, variables = compose.read_text(), env.read_text()
    name = next(line.split(":", 1)[1].strip().strip("\"'") for line in text.splitlines() if line.startswith("name:"))
    port = int(text.split("127.0.0.1:")[1].split(":")[0])
    digest = hashlib.sha256((text + variables).encode()).hexdigest()
    project = STATE / f"{name}.project"
    if project.exists():
        old = json.loads(project.read_text())
        if old["digest"] == digest and old["pid"] and alive(old["pid"]):
            return 0
    end(project)
    if "'no-such-image" in variables:
        print("Error response from daemon: pull access denied for no-such-image", file=sys.stderr)
        return 18
    pid = 0
    if "'broken" not in variables:  # a container that dies at once: `up --detach` does not notice
        argv = [*PYTHON, str(port)]
        quiet = subprocess.DEVNULL
        pid = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/").pid
    record = {"pid": pid, "port": port, "digest": digest, "folder": str(Path.cwd()), "key": secret(compose)[0]}
    project.write_text(json.dumps(record))
    return 0


def mounted(compose: Path) -> tuple[Path, str, str]:
    """The folder that is mounted where the config lies, that place in the container, and the config's path there."""
    text = re.sub("[\"']", "", compose.read_text())
    at = re.search(r"OPENCLAW_CONFIG_PATH: (.+)", text)[1]
    target = at.rpartition("/")[0]
    source = re.search(rf"source: (.+)\n +target: {re.escape(target)}\n", text)[1]
    return compose.parent / source, target, at


def config_of(compose: Path) -> dict[str, Any]:
    source, target, at = mounted(compose)
    return json.loads(Path(at.replace(target, str(source), 1)).read_text())


def secret(compose: Path) -> tuple[str, int]:
    """The key that the config's SecretRef leads to, and how many providers lack theirs: a warning each."""
    config = config_of(compose)
    providers = config.get("secrets", {}).get("providers", {})
    if not providers:
        return "", 0
    source, target, _ = mounted(compose)
    path = Path(providers["fleethub"]["path"].replace(target, str(source), 1))
    if not path.is_file() or path.stat().st_mode & 0o077:
        return "", len(config["models"]["providers"])
    return path.read_text().removesuffix("\n"), 0


def inside(compose: Path, words: list[str]) -> int:
    """A command of OpenClaw in the running container; it ends with 0 where a secret cannot be read, as the real one."""
    name = next(line.split(":", 1)[1].strip().strip("\"'")
                for line in compose.read_text().splitlines() if line.startswith("name:"))  # fmt: skip
    project = STATE / f"{name}.project"
    record = json.loads(project.read_text())
    if not alive(record["pid"]):
        print('service "openclaw-gateway" is not running', file=sys.stderr)
        return 1
    if words == ["secrets", "reload", "--json"]:
        found, warnings = secret(compose)
        project.write_text(json.dumps({**record, "key": found or record["key"]}))
        print(json.dumps({"ok": True, "warningCount": warnings}, indent=2))
        return 0
    assert words[:4] == ["infer", "model", "run", "--gateway"], words
    provider, _, model = flag(words, "--model").partition("/")
    url = config_of(compose)["models"]["providers"][provider]["baseUrl"]
    body = {"model": model, "messages": [{"role": "user", "content": flag(words, "--prompt")}]}
    heads = {"Authorization": f"Bearer {record['key']}", "Content-Type": "application/json"}
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), heads))
    except urllib.error.HTTPError as error:
        print(json.dumps({"ok": False, "error": {"type": "cli_error", "message": error.read().decode()}}))
        return 1
    print(json.dumps({"ok": True, "provider": provider, "model": model}))
    return 0


def ps() -> int:
    for path in sorted(STATE.glob("*.project")):
        old = json.loads(path.read_text())
        state = "running" if alive(old["pid"]) else "exited"
        ports = f"127.0.0.1:{old['port']}->18789/tcp" if state == "running" else ""
        print("\t".join(("container", path.stem, old["folder"], state, ports)))
    return 0


def run(words: list[str]) -> int:
    """A command of the image: the real OpenClaw, which finds the mounted folder where it comes from."""
    source, inside, _ = flag(words, "-v").split(":")
    user = int(flag(words, "--user").partition(":")[0] or NODE)
    pairs = [word for i, word in enumerate(words) if words[i - 1] == "-e"]
    pairs += [line for line in Path(flag(words, "--env-file")).read_text().splitlines() if line[:1] not in ("", "#")]
    env = dict(pair.split("=", 1) for pair in pairs)
    config = Path(env["OPENCLAW_CONFIG_PATH"].replace(inside, source, 1))
    if not (readable(Path(source), user, 5) and readable(config, user, 4)):
        print(f"EACCES: permission denied, open '{env['OPENCLAW_CONFIG_PATH']}'", file=sys.stderr)
        return 1
    env |= {"OPENCLAW_CONFIG_PATH": str(config), "OPENCLAW_NO_RESPAWN": "1", "HOME": str(STATE)}
    env["PATH"] = f"{OPENCLAW}:/usr/bin:/bin"
    at = words.index("dist/index.js")
    return subprocess.run(["openclaw", *words[at + 1 :]], env=env).returncode


def readable(path: Path, user: int, bits: int) -> bool:
    """Whether a user of the container may read a file or folder of the mount."""
    if not path.exists():
        return False
    stat = path.stat()
    granted = stat.st_mode >> 6 if stat.st_uid == user else stat.st_mode
    return user == 0 or granted & bits == bits


def main(words: list[str]) -> int:
    log(words)
    match words:
        case ["ps", *_]:
            return ps()
        case ["image", "inspect", *_]:
            return 0 if OPENCLAW else 1
        case ["run", *rest] if OPENCLAW:
            return run(rest)
        case ["compose", "version", *_]:
            print("2.26.1")
            return 0
        case ["compose", "--project-name", name, "down", *_]:
            end(STATE / f"{name}.project")
            return 0
        case ["compose", *rest] if "config" in rest:
            real = os.environ.get("FLEETHUB_COMPOSE_BIN")
            return subprocess.run([real, *rest]).returncode if real else 0
        case ["compose", "--env-file", _, "-f", compose, "exec", "-T", "openclaw-gateway", *rest]:
            assert rest[:2] == ["node", "dist/index.js"], rest
            return inside(Path(compose), rest[2:])
        case ["compose", *rest] if "up" in rest:
            return up(rest)
    print(f"the stand-in does not know: docker {' '.join(words)}", file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
