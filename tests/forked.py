"""Processes without the start of an interpreter: forks of one that has all of the product loaded, in every worker.

``Forked`` is a ``subprocess.Popen`` in all else: a process of its own, with the descriptors, environment, folder and
signals that it was given, and a child of the test, which waits for it and kills it. Only what an interpreter makes of
its environment while it starts is not looked at again, but for ``PYTHONIOENCODING``: a test of that, or of what is
imported, starts an interpreter (``cli/test_streams.py``, ``cli/test_serve.py``, ``testing/test_demo.py``).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

MAIN = "from fleethub.cli import main; main()"
#: prctl: whose grandchildren that lost their parent become its children (Linux alone has it).
SUBREAPER = 36


class Forked(subprocess.Popen):  # type: ignore[type-arg]
    """``Forked([code, word, ...])`` runs a piece of Python with these words as ``sys.argv[1:]``."""

    def _execute_child(self, args: Any, *rest: Any) -> None:
        """What ``Popen`` does between opening its pipes and being ready; its order is CPython's, 3.11 to 3.14."""
        _, _, _, _, cwd, env, _, _, _, in_, to_in, from_out, out, from_err, err, *_ = rest
        asked = {"argv": args, "cwd": str(cwd or Path.cwd()), "env": dict(os.environ if env is None else env)}
        here, far = [0 if in_ == -1 else in_, 1 if out == -1 else out, 2 if err == -1 else err], _parent()
        prctl(SUBREAPER, 1)  # for as long as it takes: who else loses its parent is not ours to wait for
        try:
            socket.send_fds(far, [json.dumps(asked).encode()], here)
            self.pid = int(far.recv(100))
            far.recv(1)  # its parent is gone, so that it is ours
        finally:
            prctl(SUBREAPER, 0)
        self._child_created = True
        self._close_pipe_fds(in_, to_in, from_out, out, from_err, err)  # type: ignore[attr-defined]


def fleethub(*argv: str, **popen: Any) -> Forked:
    """``fleethub`` with these arguments, as ``subprocess.Popen`` would start it."""
    return Forked([MAIN, *argv], **popen)


def ended(*argv: str, code: str = MAIN, **popen: Any) -> subprocess.CompletedProcess[str]:
    """What ``subprocess.run(..., text=True)`` gives, its output captured unless it goes elsewhere."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **popen}
    with Forked([code, *argv], text=True, **pipes) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess([*argv], process.returncode, out, err)


def prctl(what: int, value: int) -> None:
    """Set a property of this process."""
    ctypes.CDLL(None, use_errno=True).prctl(what, value, 0, 0, 0)


@cache
def _parent() -> socket.socket:
    """The way to the one that forks; it ends when nobody can ask any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [sys.executable, "-c", "from tests.forked import serve; serve()", str(theirs.fileno())]
    subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    return ours


def serve() -> None:
    """Fork for each request until nobody can ask any more; a fork returns from here with its code run."""
    import fleethub

    for module in pkgutil.walk_packages(fleethub.__path__, "fleethub."):
        if not module.name.endswith("__main__"):
            with suppress(ModuleNotFoundError):  # of an extra that is not installed
                importlib.import_module(module.name)
    gc.freeze()
    asking = socket.socket(fileno=int(sys.argv[1]))
    while True:
        data, fds, _, _ = socket.recv_fds(asking, 1 << 20, 3)
        if not data:
            return
        if not os.fork():
            pid = os.fork()
            if not pid:
                break
            asking.send(str(pid).encode())
            os._exit(0)
        os.wait()
        asking.send(b".")
        for fd in fds:
            os.close(fd)
    asking.close()
    _become(json.loads(data), fds)


def _become(asked: dict[str, Any], fds: list[int]) -> None:
    for fd, of in enumerate(fds):
        os.dup2(of, fd)
        os.close(of)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    random.seed()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    encoding = asked["env"].get("PYTHONIOENCODING")
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        old = getattr(sys, f"__{name}__")
        new = open(fd, mode, encoding=encoding or old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    code, *sys.argv[1:] = asked["argv"]
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
