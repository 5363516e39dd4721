"""The least that an apply to hosts over SSH can cost: fabric, sshd, and the programs of a delivery that no crash tears.

A login and three scripts that judge nothing: a look, a delivery, a look. Each check that is a program is in them, and
each fsync; what FleetHub has above it, but for its start, is what it understands of what it sees. Of a plan it is a
login and a look.
"""

from __future__ import annotations

#: ``floor.py USER COUNT ROOT [BUNDLE]``: folders ``ROOT0`` and on; ``BUNDLE``: what ``Bundle.pack`` makes of files;
#: without one they are there.
FLOOR = r"""
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from fabric import Connection

user, count, root, *bundles = sys.argv[1:]
data = b"".join(Path(bundle).read_bytes() for bundle in bundles)
LISTENS = "ss -Hltne 'sport = :18789'"
LOOK = f"sh -c \"[ -d FOLDER ] || {LISTENS}\""
DELIVER = f'''sh -c "mkdir -p FOLDER/.fleethub && cd FOLDER/.fleethub && mkdir lock && tar -xpmof - && cd incoming &&
sha256sum -c sums >/dev/null && cd ../.. && mkdir state workspace &&
chown -h $(id -u) state workspace && cd .fleethub &&
{LISTENS} >incoming/applied/.fleethub/listener && sync incoming incoming/order incoming/stale incoming/mark.json
incoming/applied incoming/applied/.fleethub incoming/applied/.fleethub/* incoming/applied/.env incoming/applied/*.*
incoming/files incoming/files/.env incoming/files/*.* && mv incoming next && mv next/files/.env next/files/*.* .. &&
mv next/applied next/mark.json . && sync .. . && rm -rf next lock"'''.replace("\n", " ")
AGAIN = '''sh -c "cd FOLDER && exec tar -cf - .env *.* .fleethub/mark.json
.fleethub/applied/.env .fleethub/applied/*.*"'''.replace("\n", " ")

def run(connection, command, folder, data=b""):
    channel = connection.transport.open_session()
    channel.exec_command(command.replace("FOLDER", folder))
    channel.sendall(data)
    channel.shutdown_write()
    while channel.recv(65536):
        pass
    assert channel.recv_exit_status() == 0, channel.recv_stderr(9999)
    channel.close()

def one(number):
    connection = Connection(f"host{number}", user=user)
    connection.open()
    for command, more in ((LOOK, b""), (DELIVER, data), (AGAIN, b"")) if data else ((AGAIN, b""),):
        run(connection, command, f"{root}{number}", more)
    connection.close()

with ThreadPoolExecutor(20) as pool:
    list(pool.map(one, range(int(count))))
"""
