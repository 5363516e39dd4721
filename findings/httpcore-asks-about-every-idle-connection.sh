#!/usr/bin/env bash
# httpcore 1.0.9: a request of a pool asks the kernel about every connection that is idle, to whomever it leads, twice.
#
# Before a request and after it the pool goes through all of its connections, and of each that is idle it asks by poll(2)
# whether the server has closed it. With twenty idle ones (left by twenty threads) that is more than the request itself,
# and it is done under the pool's lock, so that threads wait for each other's. httpx is made on the same pool. A program
# that asks much keeps few connections, or keeps them itself: one that ConnectionPool.create_connection made is asked
# about when it is taken.
#
# Seen (questions to the kernel in one request, with so many idle connections in the pool):
#   0 idle: 1
#   1 idle: 2
#   20 idle: 40
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check httpcore==1.0.9
cat >"$folder/count.py" <<'PY'
import socketserver
import threading

import httpcore
from httpcore._backends import sync


class Answers(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            if line == b"\r\n":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/"
asked, real = 0, sync.is_socket_readable


def counting(sock):
    global asked
    asked += 1
    return real(sock)


sync.is_socket_readable = counting
for idle in (0, 1, 20):
    with httpcore.ConnectionPool(max_connections=64) as pool:
        answers = [pool.handle_request(httpcore.Request("GET", url, headers={"Host": "here"})) for _ in range(idle)]
        for answer in answers:
            answer.read()
        for answer in answers:
            answer.close()
        asked = 0
        pool.request("GET", url)
        print(f"{idle} idle: {asked}")
PY
"$folder/venv/bin/python" "$folder/count.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
0 idle: 1
1 idle: 2
20 idle: 40
SEEN
