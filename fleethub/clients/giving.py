"""Give a secret to somebody: a file that its owner alone may read, or a program's standard input."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from fleethub.atomic import replace
from fleethub.clients.process import ShellError, run
from fleethub.clients.resolver import COMMAND_SECONDS, SecretError
from fleethub.model.secret import Secret


def give(to: str, value: Secret, root: Path, environment: Mapping[str, str]) -> str:
    """``to``: ``file:PATH`` (mode 0600, relative to ``root``) or ``command:ARGV`` (on its standard input, no shell).

    Returns where it went, in words. Raises SecretError; no message holds the value, or what the program wrote.
    """
    scheme, _, rest = to.partition(":")
    if scheme not in ("file", "command") or not rest:
        raise SecretError(f"{to!r} is neither file:PATH nor command:ARGV")
    if scheme == "file":
        path = root / Path(rest).expanduser()
        try:
            replace(path, value.reveal().encode() + b"\n", 0o600)
        except OSError as error:
            raise SecretError(f"{path} cannot be written ({error.strerror})") from None
        return f"written to {path} (0600)"
    try:
        argv = shlex.split(rest)
        done = run(argv, value.reveal().encode(), COMMAND_SECONDS, environment, argv[0])
    except (OSError, ValueError, IndexError) as error:
        raise SecretError(f"{to} cannot be run ({type(error).__name__})") from None
    except ShellError as error:
        raise SecretError(str(error)) from None
    if done.code != 0:
        raise SecretError(f"{to} ended with {done.code}")
    return f"given to {argv[0]} on its standard input"
