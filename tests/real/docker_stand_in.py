"""A stand-in for the ``docker`` program: what FleetHub calls of it, with a small web server as the gateway.

``config`` is the real Compose where FLEETHUB_COMPOSE_BIN names it. ``up`` starts a new process when the compose file
or the env file changed, as Compose recreates a container, and leaves the running one alone otherwise. What this
leaves unproved: images, mounts, networks, users, and how long a real container takes to come up.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STATE = Path(os.environ.get("DOCKER_STAND_IN", "/nonexistent"))
GATEWAY = """
import http.server, sys
class Gateway(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(b'{"ok":true}')
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"""


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
        argv = [sys.executable, "-c", GATEWAY, str(port)]
        quiet = subprocess.DEVNULL
        pid = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/").pid
    record = {"pid": pid, "port": port, "digest": digest, "folder": str(Path.cwd())}
    project.write_text(json.dumps(record))
    return 0


def ps() -> int:
    for path in sorted(STATE.glob("*.project")):
        old = json.loads(path.read_text())
        state = "running" if alive(old["pid"]) else "exited"
        ports = f"127.0.0.1:{old['port']}->18789/tcp" if state == "running" else ""
        print("\t".join(("container", path.stem, old["folder"], state, ports)))
    return 0


def main(words: list[str]) -> int:
    log(words)
    match words:
        case ["ps", *_]:
            return ps()
        case ["image", "inspect", *_]:
            return 1
        case ["compose", "version", *_]:
            return 0
        case ["compose", "--project-name", name, "down", *_]:
            end(STATE / f"{name}.project")
            return 0
        case ["compose", *rest] if "config" in rest:
            real = os.environ.get("FLEETHUB_COMPOSE_BIN")
            return subprocess.run([real, *rest]).returncode if real else 0
        case ["compose", *rest] if "up" in rest:
            return up(rest)
    print(f"the stand-in does not know: docker {' '.join(words)}", file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
