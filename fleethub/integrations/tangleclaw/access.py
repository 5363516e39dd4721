"""How a TangleClaw is reached: its URL, the token and certificates for it, and the pane that asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.integrations.tangleclaw.result import Binding, StepOutcome, StepResult
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.secret import SecretRef

if TYPE_CHECKING:
    from fleethub.integrations.tangleclaw.client import TangleClaw
    from fleethub.integrations.tangleclaw.log import Log

BASE = "http://localhost:3101"


class Unusable(InputError):
    """What was given cannot be used; the message is fit to be shown, and never holds a secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a TangleClaw: what was asked for (None: nothing), what the environment says, and where this
    machine's own listens by its configuration (``local``). ``ca``: a PEM file of certificates to trust; ``home``:
    TangleClaw's folder, where the environment names another than the usual one.
    """

    base: str | None = None
    token: SecretRef | None = None
    default: str | None = None
    binding: Binding | None = None
    ca: Path | None = None
    local: str = BASE
    home: Path | None = None


def access(base: str | None, token: str | None, environ: Mapping[str, str], ca: Path | None = None) -> Access:
    """From a URL, a reference, an environment and a file of certificates; raises Unusable."""
    from fleethub.integrations.tangleclaw.place import configured

    default = environ.get("TANGLECLAW_API", "")
    return Access(
        _url(base, "--api") if base is not None else None,
        _reference(token) if token is not None else None,
        _url(default, "TANGLECLAW_API") if default else None,
        binding(environ),
        ca.resolve() if ca is not None else None,
        configured(environ) or BASE,
        Path(environ["TANGLECLAW_HOME"]) if environ.get("TANGLECLAW_HOME") else None,
    )


def binding(environ: Mapping[str, str]) -> Binding | None:
    """The pane that an environment is of; None outside one."""
    project, launch = environ.get("TANGLECLAW_PROJECT_ID", ""), environ.get("TANGLECLAW_LAUNCH_ID", "")
    return Binding(project, launch) if project and launch else None


@contextmanager
def connected(
    log: Log, access: Access, before: SharedDocument | None, seconds: float | None = None
) -> Iterator[TangleClaw | None]:
    """A client for ``log.base``, with what was given or registered for it; None as of ``client_at``."""
    ways = (token_for(access, before, log.base), ca_for(access, before, log.base), access.binding)
    with client_at(log, *ways, seconds) as client:
        yield client


@contextmanager
def client_at(
    log: Log, token: SecretRef | None, ca: str | None, pane: Binding | None, seconds: float | None = None
) -> Iterator[TangleClaw | None]:
    """A client, closed afterwards; None, with a step that says why, where its token cannot be had."""
    from fleethub.clients.http import Http
    from fleethub.clients.resolver import SecretError, SecretResolver
    from fleethub.integrations.tangleclaw.client import SECONDS, TangleClaw

    try:
        secret = SecretResolver(log.root, None).open(token) if token is not None else None
    except SecretError as error:
        hint = "set it, or give another reference with --token"
        log.steps.append(StepResult("token", StepOutcome.AUTH_REQUIRED, str(error), error.code, hint))
        yield None
        return
    with closing(Http(authorities={log.base: Path(ca)} if ca else {})) as http:
        yield TangleClaw(http, log.base, secret, pane, seconds or SECONDS)


def token_for(access: Access, before: SharedDocument | None, base: str) -> SecretRef | None:
    """What was given, else what was registered with: a token only goes where it was given for."""
    return access.token or (before.token if before is not None and before.base == base else None)


def ca_for(access: Access, before: SharedDocument | None, base: str) -> str | None:
    """What was given, else what was registered with."""
    return str(access.ca) if access.ca else before.ca if before is not None and before.base == base else None


def _url(text: str, what: str) -> str:
    from pydantic_core import PydanticCustomError

    from fleethub.fleetspec.values import url

    try:
        return url(text)
    except PydanticCustomError as error:
        raise Unusable(f"{what} {error.message()}; for example {BASE}") from None


def _reference(text: str) -> SecretRef:
    from pydantic_core import PydanticCustomError

    from fleethub.fleetspec.values import reference

    try:
        return reference(text)
    except PydanticCustomError as error:
        raise Unusable(f"--token {error.message()}; write env:NAME, file:PATH or command:ARGV") from None
