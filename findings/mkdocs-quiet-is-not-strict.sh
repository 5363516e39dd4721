#!/usr/bin/env bash
# mkdocs 1.6.1: "mkdocs build --quiet --strict" lets a broken link pass.
#
# --strict ends a build by counting the warnings that its log shows, and --quiet shows errors alone: nothing is counted,
# and a job that asks for both is green whatever is broken.
#
# Seen:
#   mkdocs build --strict ends with 1
#   mkdocs build --quiet --strict ends with 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mkdocs==1.6.1 2>/dev/null
mkdir "$work/docs"
printf 'site_name: x\ndocs_dir: docs\nsite_dir: built\n' > "$work/mkdocs.yml"
printf '# Page\n\n[nowhere](nowhere.md)\n' > "$work/docs/index.md"
cd "$work"
build() { local code=0; venv/bin/mkdocs build "$@" > said 2>&1 || code=$?; echo "mkdocs build $* ends with $code"; }
{ build --strict; build --quiet --strict; } | tee found
printf 'mkdocs build --strict ends with 1\nmkdocs build --quiet --strict ends with 0\n' | diff - found
