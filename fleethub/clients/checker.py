"""The process that asks a fleet's checks: it has no secret, few variables, and is ended when it takes too long."""

from __future__ import annotations

import os
import signal
import sys
from fnmatch import fnmatchcase

from fleethub.clients.process import LARGEST, ShellError, run

IDLE = 30.0  # seconds without an answer
SECONDS = 20  # of processor time, for all checks of a fleet
#: What it gets of our environment: no way through a proxy, in whose URL a password may stand.
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TMPDIR", "TZ", "PYTHONPATH", "PYTHONHOME", "XDG_*")


def asked(question: bytes) -> tuple[bytes, str]:
    """What the worker wrote, and in words why it did not write all; empty: it did. Raises OSError where none starts."""
    out = bytearray()

    def keep(data: bytes) -> None:
        if len(out) + len(data) > LARGEST:
            raise OSError("too much")
        out.extend(data)

    # -P: nothing of the folder that FleetHub is called in is imported
    argv = (sys.executable, "-P", "-m", "fleethub.checks.worker", str(SECONDS))
    env = {n: v for n, v in os.environ.items() if any(fnmatchcase(n, passed) for passed in PASSED)}
    if "PYTHONPATH" in env:
        env["PYTHONPATH"] = os.pathsep.join(filter(os.path.isabs, env["PYTHONPATH"].split(os.pathsep)))
    try:
        done = run(argv, question, IDLE, env, "what asks the checks", sink=keep)
    except ShellError as error:
        return bytes(out), str(error)
    if done.code == -signal.SIGXCPU:
        return bytes(out), "took more processor time than all checks may"
    if done.code:
        if len(out) + 65536 > LARGEST:
            return bytes(out), f"found more than {LARGEST >> 20} MiB to say"
        last = done.err.decode(errors="replace").strip().rpartition("\n")[2]
        return bytes(out), f"ended with {done.code}: {last}" if last else f"ended with {done.code}"
    return bytes(out), ""
