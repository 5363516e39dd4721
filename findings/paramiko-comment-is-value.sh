#!/usr/bin/env bash
# paramiko 5.1.0: what its reader of ~/.ssh/config makes of lines that OpenSSH takes: a comment behind a value is part of
# the value, single quotes are letters, a time has to be seconds, and an equals sign in a Match is an error.
#
# OpenSSH (9.2, 10.0) reads a line as words: a # that begins one ends the line. "Port 2222 # the second one" is port 2222 to
# ssh, and a ValueError to whoever makes a number of what paramiko says; a HostName is looked up with its comment. A host
# that a person reaches every day is then out of reach for a program that reads the same file.
#
# Needs OpenSSH's ssh on PATH, for what it says of the same lines.
#
# Seen (ssh -G | paramiko):
#   Port 2222 # the second one: 2222 | 2222 # the second one
#   HostName gpu.lab # in the rack: gpu.lab | gpu.lab # in the rack
#   User 'ops': ops | 'ops'
#   ConnectTimeout 1m: 60 | 1m
#   Match host=gpu: ops | ConfigParseError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check paramiko==5.1.0 invoke==2.2.1
"$folder/venv/bin/python" - "$folder/config" > "$folder/seen" <<'PYTHON'
import subprocess
import sys

from paramiko import SSHConfig

for name, line, text in (
    ("port", "Port 2222 # the second one", "Host gpu\n  {}\n"),
    ("hostname", "HostName gpu.lab # in the rack", "Host gpu\n  {}\n"),
    ("user", "User 'ops'", "Host gpu\n  {}\n"),
    ("connecttimeout", "ConnectTimeout 1m", "Host gpu\n  {}\n"),
    ("user", "Match host=gpu", "{}\n  User ops\n"),
):
    with open(sys.argv[1], "w") as file:
        file.write(text.format(line))
    told = subprocess.run(["ssh", "-G", "-F", sys.argv[1], "gpu"], capture_output=True, text=True, check=True).stdout
    (said,) = (one.split(" ", 1)[1] for one in told.splitlines() if one.split(" ", 1)[0] == name)
    try:
        read = SSHConfig.from_path(sys.argv[1]).lookup("gpu")[name]
    except Exception as error:
        read = type(error).__name__
    print(f"{line}: {said} | {read}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Port 2222 # the second one: 2222 | 2222 # the second one
HostName gpu.lab # in the rack: gpu.lab | gpu.lab # in the rack
User 'ops': ops | 'ops'
ConnectTimeout 1m: 60 | 1m
Match host=gpu: ops | ConfigParseError
SEEN
