"""A program that keeps keys, for tests: what it was called with, what all processes show while it has a key."""

from __future__ import annotations

from pathlib import Path

PROGRAM = r"""#!/bin/sh
# keep put|get|sum|take|fail|shout|hang NAME: keys lie in kept/ beside it
cd "$(dirname "$0")" || exit 9
mkdir -p kept seen
echo "$*" >>seen/calls
case $1 in
  put) cat >kept/"$2".new
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null >>seen/processes
    env >>seen/environment
    [ ! -e refuse ] || { echo "no: $(cat kept/"$2".new)" >&2; exit 3; }
    mv kept/"$2".new kept/"$2";;
  get) [ ! -e sealed ] || { echo "it is sealed" >&2; exit 2; }
    [ ! -e kept/"$2" ] || cat kept/"$2";;
  sum) [ ! -e kept/"$2" ] || sha256sum <kept/"$2";;
  take) rm -f kept/"$2";;
  again) cat kept/"$2" >>seen/restarted;;
  deaf) exec 0<&-; exit 0;;
  shout) cat >kept/"$2"; base64 <kept/"$2" >&2; exit 1;;
  hang) sleep 60;;
esac
"""


class Keeper:
    """The program in a folder, and what it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "keep").write_text(PROGRAM)
        (folder / "keep").chmod(0o755)

    def argv(self, *words: str) -> list[str]:
        """A command of it."""
        return [str(self.folder / "keep"), *words]

    def kept(self, name: str) -> str:
        """What it keeps under a name; empty: nothing."""
        path = self.folder / "kept" / name
        return path.read_text() if path.exists() else ""

    def keep(self, name: str, text: str) -> None:
        """Put something there by hand."""
        (self.folder / "kept" / name).write_text(text)

    def seen(self, what: str) -> str:
        """``calls``, ``processes``, ``environment`` or ``restarted``."""
        path = self.folder / "seen" / what
        return path.read_bytes().decode(errors="replace") if path.exists() else ""
