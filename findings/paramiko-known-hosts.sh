#!/usr/bin/env bash
# paramiko 5.1.0: HostKeys.load() reads a known_hosts file that OpenSSH takes whole in another way than OpenSSH.
#
# - A line "@cert-authority *.corp.example KEY" of somebody else ends the reading: InvalidHostKey, which is no
#   SSHException, though load() passes over lines that raise one. Hosts below that line are then unknown, and
#   SSHClient.load_system_host_keys() of a laptop with one corporate authority fails for every host.
#   A line "ssh-of-tomorrow" of an unheard-of kind is passed over: so the reader means to be lenient.
# - "*.example" is a name, not a pattern: a host that the pattern covers is unknown.
# - Of two lines for one host and kind (a rotation under way, UpdateHostKeys) the first alone counts; OpenSSH takes either.
#
# Seen:
#   an authority of others above: InvalidHostKey, gpu.example known: False
#   an unheard-of kind above: no error, gpu.example known: True
#   a pattern that covers it: no error, gpu.example known: False
#   a second key of the kind: no error, gpu.example known: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check paramiko==5.1.0
"$folder/venv/bin/python" - "$folder" > "$folder/seen" <<'PYTHON'
import sys

import paramiko


def key():
    found = paramiko.ECDSAKey.generate()
    return found, f"{found.get_name()} {found.get_base64()}"


host, ours = key()
_, other = key()
good = f"gpu.example {ours}\n"
files = {
    "an authority of others above": f"@cert-authority *.corp.example {other}\n" + good,
    "an unheard-of kind above": f"elsewhere ssh-of-tomorrow {other.split()[1]}\n" + good,
    "a pattern that covers it": f"*.example {ours}\n",
    "a second key of the kind": f"gpu.example {other}\n" + good,
}
for title, text in files.items():
    path = f"{sys.argv[1]}/known_hosts"
    with open(path, "w") as file:
        file.write(text)
    keys, error = paramiko.HostKeys(), "no error"
    try:
        keys.load(path)
    except Exception as raised:
        error = type(raised).__name__
    print(f"{title}: {error}, gpu.example known: {keys.check('gpu.example', host)}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
an authority of others above: InvalidHostKey, gpu.example known: False
an unheard-of kind above: no error, gpu.example known: True
a pattern that covers it: no error, gpu.example known: False
a second key of the kind: no error, gpu.example known: False
SEEN
