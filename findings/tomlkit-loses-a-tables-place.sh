#!/usr/bin/env bash
# tomlkit 0.15.2: a table that is put below a dotted key is written at the top of the document, and valid files are read that
# cannot be given back: one as plain values, one as its own text.
#
# "[node]" with "engine.port = 1" is a table "engine" like any other until something is put into it. A plain value lands
# where it should. A table gets a header without what stands above it, [engine.web] for [node.engine.web]: the file stays
# valid and says something else, which no error tells. Whoever edits TOML of others with it has to read the outcome anew.
# Where the parts of a table lie apart, with an array of tables among them, unwrap() raises; and a document of such parts
# is written back in another order, though nothing was changed.
#
# Seen:
#   a value below a dotted key: {'node': {'engine': {'port': 1, 'web': 2}}}
#   a table below a dotted key: {'node': {'engine': {'port': 1}}, 'engine': {'web': {'on': True}}}
#   plain values of a valid file: KeyAlreadyPresent
#   an unchanged file: written back as it was: False, its headers: [[c]] [c.a] [a.d]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check tomlkit==0.15.2
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import tomllib

import tomlkit

for title, new in (("value", 2), ("table", tomlkit.table().add("on", True))):
    document = tomlkit.parse("[node]\nengine.port = 1\n")
    document["node"]["engine"]["web"] = new
    print(f"a {title} below a dotted key: {tomllib.loads(tomlkit.dumps(document))}")

apart = "[[c.a]]\n[b]\n[c.a.d]\n"
tomllib.loads(apart)
try:
    print("plain values of a valid file:", tomlkit.parse(apart).unwrap())
except Exception as error:
    print("plain values of a valid file:", type(error).__name__)

text = "[[c]]\n\n[a.d]\nx = 1\n[c.a]\ny = 1\n"
tomllib.loads(text)
made = tomlkit.dumps(tomlkit.parse(text))
headers = " ".join(line for line in made.splitlines() if line.startswith("["))
print(f"an unchanged file: written back as it was: {made == text}, its headers: {headers}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
a value below a dotted key: {'node': {'engine': {'port': 1, 'web': 2}}}
a table below a dotted key: {'node': {'engine': {'port': 1}}, 'engine': {'web': {'on': True}}}
plain values of a valid file: KeyAlreadyPresent
an unchanged file: written back as it was: False, its headers: [[c]] [c.a] [a.d]
SEEN
