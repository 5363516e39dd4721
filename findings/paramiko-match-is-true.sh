#!/usr/bin/env bash
# paramiko 5.1.0: a Match of ~/.ssh/config that its reader does not know counts as true, so that what it guards holds for
# every host.
#
# ssh_config(5) of OpenSSH 10.0 has "Match localnetwork", "version" and "sessiontype", with which a laptop takes its jump
# host or another account outside of the office alone. The reader takes the word and its argument and asks nothing:
# the account, the port or the ProxyJump of the block is everybody's, everywhere, wherever it is. No error and no
# warning says so, though a Match without an argument is a ConfigParseError. OpenSSH 10.0's "ssh -G" leaves each of these
# blocks out.
#
# Seen:
#   Match localnetwork 203.0.113.0/24: user away
#   Match version OpenSSH_1.*: user away
#   Match sessiontype subsystem: user away
#   Match host other: user not set
#   Match localnetwork 203.0.113.0/24 host other: user not set
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check paramiko==5.1.0 invoke==2.2.1
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
from paramiko import SSHConfig

for asked in (
    "localnetwork 203.0.113.0/24",
    "version OpenSSH_1.*",
    "sessiontype subsystem",
    "host other",
    "localnetwork 203.0.113.0/24 host other",
):
    read = SSHConfig.from_text(f"Match {asked}\n  User away\n").lookup("gpu.example")
    print(f"Match {asked}: user {read.get('user', 'not set')}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Match localnetwork 203.0.113.0/24: user away
Match version OpenSSH_1.*: user away
Match sessiontype subsystem: user away
Match host other: user not set
Match localnetwork 203.0.113.0/24 host other: user not set
SEEN
