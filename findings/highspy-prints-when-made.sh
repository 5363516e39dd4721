#!/usr/bin/env bash
# highspy 1.16.0 (HiGHS's own Python interface): making a solver writes a banner to standard output, from C++, before there is
# anything that could be told to be silent; a program whose output others read is spoilt by it.
#
# silent() and output_flag work from then on, too late for the banner; contextlib.redirect_stdout does not see it, for it is
# no text of Python's. The banner comes from enableCallbacks(), which the class calls while it is made: a class below it that
# says silent() there first prints nothing.
#
# Seen:
#   made:       2 lines on standard output, 0 characters caught by redirect_stdout
#   told first: 0 lines
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check highspy==1.16.0

cat >made.py <<'PY'
import contextlib
import io
import sys

import highspy

caught = io.StringIO()
with contextlib.redirect_stdout(caught):
    solver = highspy.Highs()
    solver.silent()
print(len(caught.getvalue()), file=sys.stderr)
PY
cat >first.py <<'PY'
import highspy


class Silent(highspy.Highs):
    def enableCallbacks(self):
        self.silent()
        super().enableCallbacks()


Silent()
PY
made=$(venv/bin/python made.py 2>caught | wc -l)
first=$(venv/bin/python first.py | wc -l)
echo "made:       $made lines on standard output, $(cat caught) characters caught by redirect_stdout"
echo "told first: $first lines"
[ "$made $first $(cat caught)" = "2 0 0" ] || { echo "it is otherwise by now" >&2; exit 1; }
