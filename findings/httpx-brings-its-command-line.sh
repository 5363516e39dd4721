#!/usr/bin/env bash
# httpx 0.28.1: "import httpx" imports click, rich and pygments' table of lexers wherever these are installed.
#
# The package tries to import its own command line (the extra httpx[cli]) and does without when that fails. A program that
# has click and rich for reasons of its own thus pays for them with each import of httpx, though it never asked for the
# extra and never shows a page: about a hundred modules more, and about twice the time. They stay unimported where
# sys.modules holds None for httpx._main before the first import, which is Python's way to say that there is no such
# module.
#
# Seen (imported of click, rich, pygments.lexers; whether half as many modules again were imported as alone):
#   alone: none
#   with click and rich installed: click pygments.lexers rich, half as many modules again: True
#   and httpx._main kept out: none, half as many modules again: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check)
count='import sys; before = len(sys.modules); import httpx; print(len(sys.modules) - before, *sorted({"click", "rich", "pygments.lexers"} & sys.modules.keys()) or ["none"])'
"${pip[@]}" httpx==0.28.1
read -r few alone < <("$folder/venv/bin/python" -c "$count")
"${pip[@]}" click==8.5.1 rich==15.0.0
read -r many with < <("$folder/venv/bin/python" -c "$count")
read -r kept without < <("$folder/venv/bin/python" -c "import sys; sys.modules['httpx._main'] = None; $count")
more() { [ $((2 * $1)) -gt $((3 * few)) ] && echo True || echo False; }
{
  echo "alone: $alone"
  echo "with click and rich installed: $with, half as many modules again: $(more "$many")"
  echo "and httpx._main kept out: $without, half as many modules again: $(more "$kept")"
} >"$folder/seen"
cat "$folder/seen"
echo "modules: $few, $many, $kept" >&2
diff "$folder/seen" - <<'SEEN'
alone: none
with click and rich installed: click pygments.lexers rich, half as many modules again: True
and httpx._main kept out: none, half as many modules again: False
SEEN
