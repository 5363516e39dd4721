"""The script that reads a backend's machine in one go: ``nvidia-smi``, and Ollama's settings. And what it says.

Everything comes back in frames, ``name code length`` and then that many bytes, so that no output can be taken for
another's. Of Ollama's environment only the variables in ``NAMES``, with plain values, ever leave the machine:
the filter runs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Ollama's variables that decide what is loaded and how. Others (OLLAMA_API_KEY) may be secrets.
NAMES = (
    "CONTEXT_LENGTH",
    "FLASH_ATTENTION",
    "GPU_OVERHEAD",
    "HOST",
    "KEEP_ALIVE",
    "KV_CACHE_TYPE",
    "LLM_LIBRARY",
    "LOAD_TIMEOUT",
    "MAX_LOADED_MODELS",
    "MAX_QUEUE",
    "NEW_ENGINE",
    "NUM_PARALLEL",
    "SCHED_SPREAD",
    "VULKAN",
)

_FRAME = """\
LC_ALL=C; export LC_ALL
PATH="${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/wsl/lib"
frame() { printf '%s %s %s\\n%s\\n' "$1" "$2" "${#3}" "$3"; }
"""

_GPUS = """\
if command -v nvidia-smi >/dev/null 2>&1; then
  out=$(nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.used,memory.free \
--format=csv,noheader,nounits 2>&1); frame gpus "$?" "$out"
  out=$(nvidia-smi --query-compute-apps=gpu_uuid,pid,process_name,used_memory \
--format=csv,noheader,nounits 2>&1); frame apps "$?" "$out"
else
  frame gpus 127 ''
fi
"""

# One record (an assignment) a line in, the plain ones of NAMES out; a value that is not plain is told as "?".
_KEEP = r"""
keep() { awk -v names='NAMES' '
BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) ok["OLLAMA_" list[i]] = 1 }
{ at = index($0, "="); if (!at) next
  name = substr($0, 1, at - 1); value = substr($0, at + 1)
  if (!(name in ok)) next
  if (length(value) > 64 || value !~ /^[][A-Za-z0-9._:\/-]*$/) value = "?"
  print name "=" value }'; }
"""

# systemd prints assignments with spaces between them, in "…" or $'…' where they hold something special.
_SPLIT = r"""
words() { awk -v single="'" '
{ line = $0; word = ""; quote = ""; some = 0
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (c == "\\") { i++; word = word substr(line, i, 1); some = 1 }
    else if (quote != "") { if (c == quote) quote = ""; else word = word c }
    else if (c == "\"") { quote = c; some = 1 }
    else if (c == "$" && substr(line, i + 1, 1) == single) { i++; quote = single; some = 1 }
    else if (c == " ") { if (some) print word; word = ""; some = 0 }
    else { word = word c; some = 1 } }
  if (some && quote == "") print word }'; }
"""

_SETTINGS = r"""
pids=''
for folder in PROC/[0-9]*; do
  comm=''; { read -r comm < "$folder/comm"; } 2>/dev/null
  [ "$comm" = ollama ] || continue
  case $(tr '\000' '\n' < "$folder/cmdline" 2>/dev/null | sed -n 2p) in
    serve|start) pids="$pids ${folder##*/}" ;;
  esac
done
frame serve 0 "$pids"
set -- $pids
if [ $# = 1 ]; then
  if { cat "PROC/$1/environ" >/dev/null; } 2>/dev/null; then
    out=$({ tr '\n\000' '\001\n' < "PROC/$1/environ"; } 2>/dev/null | keep); frame environ 0 "$out"
  else
    frame environ 1 ''
  fi
fi
if command -v systemctl >/dev/null 2>&1; then
  out=$(systemctl show ollama -p ActiveState -p MainPID 2>/dev/null); frame unit "$?" "$out"
  out=$(systemctl show ollama -p Environment 2>/dev/null | sed -n 's/^Environment=//p' | words | keep)
  frame environment 0 "$out"
  out=$(systemctl show ollama -p EnvironmentFiles 2>/dev/null | sed -n 's/^EnvironmentFiles=..*/yes/p' | sed -n 1p)
  frame files 0 "$out"
else
  frame unit 127 ''
fi
"""


def script(gpus: bool, proc: str = "/proc") -> str:
    """The script; ``gpus``: with nvidia-smi. ``proc`` is where the processes are."""
    settings = (_KEEP + _SPLIT + _SETTINGS).replace("NAMES", " ".join(NAMES)).replace("PROC", proc)
    return _FRAME + (_GPUS if gpus else "") + settings + "frame end 0 ''\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """What one part of the script wrote, and the exit code of what it ran."""

    code: int
    text: str


class FrameError(Exception):
    """What came back is not what the script writes."""


def frames(data: bytes) -> Mapping[str, Frame]:
    """The script's output by the frames' names; raises FrameError when it is cut or has something in between."""
    found: dict[str, Frame] = {}
    rest = data
    while rest:
        head, newline, rest = rest.partition(b"\n")
        parts = head.split(b" ")
        if not newline or len(parts) != 3 or not all(p.isdigit() and len(p) < 10 for p in parts[1:]):
            raise FrameError("its answer is cut, or something writes into it")
        size = int(parts[2])
        if rest[size : size + 1] != b"\n":
            raise FrameError("its answer is cut")
        name = parts[0].decode("ascii", "replace")
        found[name] = Frame(int(parts[1]), rest[:size].decode("utf-8", "replace"))
        rest = rest[size + 1 :]
        if name == "end":
            break
    if "end" not in found:
        raise FrameError("its answer is cut")
    return found


@dataclass(frozen=True, slots=True)
class Settings:
    """Ollama's own variables (None: not told) and ``says``: where from, or why not."""

    values: Mapping[str, str] | None
    says: str


def settings(found: Mapping[str, Frame]) -> Settings:
    """What the frames say about the one Ollama that runs there; a guess between several is not made."""
    nothing = Frame(0, "")
    pids = found.get("serve", nothing).text.split()
    unit = dict(line.partition("=")[::2] for line in found.get("unit", nothing).text.splitlines())
    main = unit.get("MainPID", "0") if unit.get("ActiveState") == "active" else "0"
    if len(pids) > 1:
        return Settings(
            None, f"{len(pids)} Ollama servers run there (pids {', '.join(pids[:8])}): which one is not told"
        )
    environ = found.get("environ")
    if pids and environ is not None and environ.code == 0:
        return Settings(_assigned(environ.text), f"the environment of pid {pids[0]}")
    if main not in ("", "0") and (not pids or pids == [main]):
        if found.get("files", nothing).text:
            return Settings(
                None,
                "the unit ollama reads an EnvironmentFile, and the environment of its process cannot be read: "
                "log in as root or as the user that Ollama runs as",
            )
        return Settings(_assigned(found.get("environment", nothing).text), "systemctl show ollama")
    if pids:
        return Settings(
            None,
            f"the environment of Ollama (pid {pids[0]}) cannot be read: log in as root or as the user that it runs as",
        )
    return Settings(None, "no Ollama is seen to run there")


def _assigned(text: str) -> dict[str, str]:
    known = {f"OLLAMA_{name}" for name in NAMES}
    pairs = (line.partition("=")[::2] for line in text.splitlines())
    return {name: value for name, value in pairs if name in known}
