"""What is said of a login that failed."""

from __future__ import annotations

import re

from fleethub.clients.process import ShellError
from fleethub.clients.ssh.destination import command as by_hand
from fleethub.model.text import heard

__all__ = ["Broken", "NeedsProgram", "Unopened", "by_hand", "plain", "program_says"]


class Broken(ShellError):
    """The connection is of no more use."""


class Unopened(Broken):
    """The same, seen before anything was run."""


class NeedsProgram(Exception):
    """Only OpenSSH's ``ssh`` can log in there. ``says``: what to show where it is not installed."""

    def __init__(self, why: str, says: str) -> None:
        self.why, self.says = why, says
        super().__init__(why)


def plain(error: BaseException) -> str:
    """An error's own words, short and printable."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return heard(text.split("\n")[0])


#: What ssh prints, and what to do about it. The first that is found counts.
_SAYINGS = (
    (r"REVOKED HOST KEY|revoked (?:host )?key|is revoked", "the host key is revoked"),
    (r"Offending (?P<kind>\S+) key in (?P<place>\S+:\d+)",
     "the host key is not the one in known_hosts ({place}), and somebody may be in between. If the machine was set up "
     "anew, remove the old key (ssh-keygen -R) and connect once with ssh ({ssh})"),
    (r"Host key verification failed|No \S+ host key is known",
     "the host key is not known: connect once with ssh ({ssh}) and accept its key if it is the right one"),
    (r"Too many authentication failures",
     "it cut the login after too many keys: name the right one by IdentityFile, with IdentitiesOnly yes"),
    (r"Permission denied \((?P<methods>[^)]*)\)",
     "the login was refused: no key of the agent or of ~/.ssh is accepted (it takes {methods}); add one to its "
     "authorized_keys and try {ssh}"),
    (r"Could not resolve hostname", "its name is not known here"),
    (r"Unable to negotiate with .*?: (?P<what>no matching .*)", "cannot agree on algorithms: {what}"),
    (r"Connection timed out during banner exchange|Connection to \S+ timed out|Operation timed out",
     "no answer within {seconds:g} s"),
    (r"connect to host \S+ port \d+: (?P<what>.+)", "cannot connect ({what})"),
)  # fmt: skip


def program_says(text: str, address: str, seconds: float) -> str:
    """What went wrong, from what ssh wrote on standard error, and what to do."""
    lines = [line for line in (plain_line(line) for line in text.splitlines()) if line]
    for pattern, says in _SAYINGS:
        if match := re.search(pattern, "\n".join(lines)):
            told = says.format(**match.groupdict(), ssh=by_hand(address), seconds=seconds)
            extra = [line for line in lines if re.search(r"\.ssh|[Cc]ertificate|CA key|identity", line)][:2]
            return told + (f" (ssh says: {'; '.join(extra)})" if extra else "")
    return f"cannot connect ({'; '.join(lines[-2:]) or 'ssh says nothing'}); try {by_hand(address)}"


def plain_line(line: str) -> str:
    """Fit to be shown: printable, not long, no rule of at signs."""
    return heard(line.strip(" @\r"), 240)
