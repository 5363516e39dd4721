#!/usr/bin/env bash
# fabric 3.2.3: making a Connection writes into the Config that it is given, so connections of several threads that
# share one fail now and then.
#
# invoke's DataProxy sends an attribute that the class does not declare into the configuration. fabric.Connection declares
# all of its attributes but inline_ssh_env, which its constructor sets: the Config merges all of its levels anew each time,
# and meanwhile another thread's lookup ends in "No attribute or config key found for 'gateway'". A subclass that
# declares inline_ssh_env writes nothing.
#
# Seen:
#   Connection: {'inline_ssh_env': True}
#   with the attribute declared: {}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check fabric==3.2.3 invoke==2.2.1 paramiko==5.1.0
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
from fabric import Config, Connection
from paramiko import SSHConfig


class Declared(Connection):
    inline_ssh_env = True


for name, kind in (("Connection", Connection), ("with the attribute declared", Declared)):
    config = Config(lazy=True, ssh_config=SSHConfig())
    kind("gpu", user="ops", port=22, config=config)
    print(f"{name}: {config._modifications}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
Connection: {'inline_ssh_env': True}
with the attribute declared: {}
SEEN
