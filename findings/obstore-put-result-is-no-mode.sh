#!/usr/bin/env bash
# obstore 0.12.1: what put() answers cannot be given back to it as the version to replace.
#
# PutResult and UpdateVersion have the same two fields, and both are typed "str | None"; the documentation recommends to
# keep both. Where a store gives no version (S3, Azure, memory), the None in it is a TypeError: "version" must be left
# out. A compare-and-swap that hands the answer on fails at its second write.
#
# Seen:
#   put answers: e_tag "0", version None
#   given back: TypeError
#   without version: e_tag "1"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check obstore==0.12.1
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import obstore
from obstore.store import MemoryStore

store = MemoryStore()
made = obstore.put(store, "state", b"1", mode="create")
print(f"put answers: e_tag {made['e_tag']}, version {made['version']}")
try:
    print("given back:", obstore.put(store, "state", b"2", mode=made))
except TypeError as error:
    print("given back:", type(error).__name__)
print("without version: e_tag", obstore.put(store, "state", b"2", mode={"e_tag": made["e_tag"]})["e_tag"])
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
put answers: e_tag "0", version None
given back: TypeError
without version: e_tag "1"
SEEN
