#!/usr/bin/env bash
# Continue's cn 1.5.47: a .env beside the file of --config is not read, and the placeholder is sent as the key.
#
# ${{ secrets.NAME }} in a config is filled in from ~/.continue/.env, or from .env and .continue/.env of the folder that cn
# is started in. With `cn --config DIR/config.yaml` and DIR/.env nothing is said: the request goes out with the unfilled
# placeholder as its bearer token, and what answers is a 401 of the proxy.
#
# Seen (who asks, by where the .env lies):
#   beside the config: Bearer ${{ secrets.//K }}
#   ~/.continue: Bearer canary
#   the working folder: Bearer canary
#   .continue of the working folder: Bearer canary
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --no-audit --no-fund --silent @continuedev/cli@1.5.47
python3 - "$folder" > "$folder/seen" <<'PYTHON'
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, keys, come = sys.argv[1], [], threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if "chat" in self.path:
            keys.append(self.headers.get("authorization"))
            come.set()
        self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
CONFIG = """name: x
version: 1.0.0
schema: v1
models:
  - name: one
    provider: openai
    model: one
    apiBase: http://127.0.0.1:%d/v1
    apiKey: ${{ secrets.K }}
"""
PLACES = {
    "beside the config": "config",
    "~/.continue": "home/.continue",
    "the working folder": "work",
    ".continue of the working folder": "work/.continue",
}
for name, place in PLACES.items():
    root = tempfile.mkdtemp(dir=folder)
    for made in ("config", "home/.continue", "work/.continue"):
        os.makedirs(f"{root}/{made}")
    with open(f"{root}/config/config.yaml", "w") as file:
        file.write(CONFIG % server.server_address[1])
    with open(f"{root}/{place}/.env", "w") as file:
        file.write("K='canary'\n")
    keys.clear()
    come.clear()
    argv = [f"{folder}/node_modules/.bin/cn", "--config", f"{root}/config/config.yaml", "-p", "hi"]
    env = {"PATH": os.environ["PATH"], "HOME": f"{root}/home"}
    asked = subprocess.Popen(argv, cwd=f"{root}/work", env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    come.wait(60)
    os.killpg(asked.pid, 9)
    asked.wait()
    print(f"{name}: {keys[0] if keys else None}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
beside the config: Bearer ${{ secrets.//K }}
~/.continue: Bearer canary
the working folder: Bearer canary
.continue of the working folder: Bearer canary
SEEN
