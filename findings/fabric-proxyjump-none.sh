#!/usr/bin/env bash
# fabric 3.2.3: "ProxyJump none" in an ssh config names a jump host called "none".
#
# ssh_config(5): none switches a jump host off, which is how one host is taken out of "Host *" / "ProxyJump bastion".
# fabric.Connection makes a Connection to "none" of it, and a login then looks that name up. "ProxyCommand none" in the
# same file is understood (paramiko's SSHConfig takes it out), so one spelling works and the other does not.
#
# Seen:
#   ProxyJump none: gateway none
#   ProxyCommand none: gateway None
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check fabric==3.2.3 paramiko==5.1.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
from fabric import Config, Connection
from paramiko import SSHConfig

for option, usual in (("ProxyJump", "bastion"), ("ProxyCommand", "nc -x proxy %h %p")):
    text = f"Host gpu\n  {option} none\nHost *\n  {option} {usual}\n"
    gateway = Connection("gpu", config=Config(lazy=True, ssh_config=SSHConfig.from_text(text))).gateway
    print(f"{option} none: gateway {getattr(gateway, 'host', gateway)}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
ProxyJump none: gateway none
ProxyCommand none: gateway None
SEEN
