"""Tell a TangleClaw about a fleet's FLEETHUB.md: register, look, take back, and notify after a rewrite.

The document is registered by its path, with its description in the same call. TangleClaw's own ``sync`` would take
in every other ``.md`` beside it too, and newer versions let nobody but the operator describe a document afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub import folders
from fleethub.integrations.tangleclaw import shared_document as kept
from fleethub.integrations.tangleclaw.result import Binding, NotifyResult, StepOutcome, StepResult, TangleClawReport
from fleethub.integrations.tangleclaw.shared_document import SharedDocument
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.secret import SecretRef

if TYPE_CHECKING:
    from fleethub.integrations.tangleclaw.audience import Projects
    from fleethub.integrations.tangleclaw.client import TangleClaw
    from fleethub.integrations.tangleclaw.shapes import Document, Group, Member
    from fleethub.integrations.tangleclaw.steps import Log

BASE = "http://localhost:3101"
NOTIFY = 2.0  # seconds for all of it: whoever rewrites the document waits for it


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


def fleet_root(path: Path) -> Path:
    """The folder of the fleet at a path (or of its fleet.toml); raises Unusable. A spec with mistakes will do."""
    try:
        folder = path.parent if folders.is_file(path) else path
        there = folders.is_file(folder / "fleet.toml")
    except OSError as error:
        raise Unusable(f"{path} cannot be looked at: {error.strerror}") from None
    if not there:
        raise Unusable(f"there is no fleet.toml in {folder}; name the fleet's folder with -C, or run fleethub init")
    return folder.resolve()


def register_document(
    root: Path, access: Access, group: str | None = None, members: Sequence[str] = ()
) -> TangleClawReport:
    """Find or make the group, add members, register FLEETHUB.md. Again is fine. Raises SharedDocumentError.

    ``group``: its name; None: see ``steps.group``. ``members``: ids or names of projects.
    """
    from fleethub.integrations.tangleclaw import audience, profiles, steps

    before = kept.read(root / ".fleethub")
    base = access.base or access.default or (before.base if before else access.local)
    token, ca = _token(access, before, base), _ca(access, before, base)
    log = steps.Log(base, root)
    with _client(log, token, ca, access.binding) as client:
        if client is None:
            return log.report()
        same = before if before is not None and before.base == base else None
        found = log.run("group", partial(steps.group, client, group, root, same))
        if found is None:
            log.skip(*(f"member {one}" for one in members), "document", "description", "audience")
            return log.report()
        projects = audience.Projects(client)
        for one in members:
            log.run(f"member {one}", partial(steps.member, client, found, one, projects))
        document = log.run("document", partial(steps.document, client, found, root))
        if document is None:
            log.skip("description")
        else:
            kept.write(root / ".fleethub", SharedDocument(base, found.id, document.id, document.path, token, ca))
            made = log.steps[-1].outcome is StepOutcome.REGISTERED
            log.run("description", partial(steps.describe, client, document, made, root))
            if before is not None and before.document and (before.base, before.group) != (base, found.id):
                log.notes.append(f"what was registered before, at {before.base}, stays there: nothing was taken back")
        seen = _audience(log, client, found, document, projects)
        if document is not None and seen is not None:
            known = {str(one.id): one.name for one in seen if one.name}
            kept.write(root / ".fleethub", SharedDocument(base, found.id, document.id, document.path, token, ca, known))
    log.notes += (*steps.beside(found, root), *profiles.elsewhere(root, access.home))
    return log.report()


def _audience(
    log: Log, client: TangleClaw, found: Group, document: Document | None, projects: Projects
) -> list[Member] | None:
    """Who sees it, who has it locked, and in whose CLAUDE.md it stands; returns the members, None: not known."""
    from fleethub.integrations.tangleclaw import audience, ports, tunnels
    from fleethub.integrations.tangleclaw.client import TangleClawError

    members = log.run("audience", partial(audience.audience, client, found, projects))
    with suppress(TangleClawError):
        log.notes += tunnels.notes(client, log.root)
    with suppress(TangleClawError):
        log.notes += ports.notes(client, log.root)
    if document is None:
        return members
    with suppress(TangleClawError):  # a note is not worth a step
        log.notes += audience.locked(client, document)
    if members:
        log.notes += audience.reaches(members, document)
    return members


def document_status(root: Path, access: Access, group: str | None = None) -> TangleClawReport:
    """What TangleClaw has of this fleet. Changes nothing. Raises SharedDocumentError."""
    from fleethub.integrations.tangleclaw import audience, profiles, steps

    before = kept.read(root / ".fleethub")
    base = access.base or (before.base if before else None) or access.default or access.local
    log = steps.Log(base, root)
    found = None
    with _client(log, _token(access, before, base), _ca(access, before, base), access.binding) as client:
        if client is not None:
            same = before if before is not None and before.base == base else None
            found = log.run("group", partial(steps.known_group, client, group, root, same))
            if found is None:
                log.skip("document", "audience")
            else:
                registered = log.run("document", partial(steps.known_document, client, found, root))
                _audience(log, client, found, registered, audience.Projects(client))
    if not steps.written(root):
        log.notes.append(f"there is no {steps.FILE} in {root} yet: fleethub apply writes it")
    log.notes += (*steps.beside(found, root), *profiles.elsewhere(root, access.home))
    return log.report()


def unregister_document(root: Path, access: Access) -> TangleClawReport:
    """Take the document back that was registered from here, and only that one. Its file and the group stay.

    Where it was is remembered, for the next registration. Raises SharedDocumentError.
    """
    from fleethub.integrations.tangleclaw import profiles, steps

    before = kept.read(root / ".fleethub")
    if before is None or not before.document:
        step = StepResult("document", StepOutcome.UNREGISTERED, "nothing was registered from this clone")
        base = access.base or access.default or (before.base if before else access.local)
        return TangleClawReport(base, (step,), tuple(profiles.staying(root)))
    base = access.base or before.base
    log = steps.Log(base, root)
    with _client(log, _token(access, before, base), _ca(access, before, base), access.binding) as client:
        if client is not None and log.run("document", partial(steps.remove, client, before, base)):
            kept.write(root / ".fleethub", replace(before, document="", path=""))
    log.notes += profiles.staying(root)
    return log.report()


def notify(root: Path, pane: Binding | None = None, seconds: float = NOTIFY) -> NotifyResult:
    """Tell live sessions that FLEETHUB.md changed: TangleClaw's own watch does not survive a rename.

    Never raises, and returns within ``seconds``, whatever TangleClaw, a name server or a token's command does.
    """
    answer = [NotifyResult(StepOutcome.UNREACHABLE, f"no answer within {seconds:g} s")]

    def tell() -> None:
        try:
            answer[0] = _notify(root, pane, seconds)
        except Exception as error:  # whatever it is, the rewrite that it follows is done
            answer[0] = NotifyResult(StepOutcome.REFUSED, type(error).__name__)

    worker = threading.Thread(target=tell, daemon=True)
    worker.start()
    worker.join(seconds)
    return answer[0]


def _notify(root: Path, pane: Binding | None, seconds: float) -> NotifyResult:
    try:
        before = kept.read(root / ".fleethub")
    except kept.SharedDocumentError as error:
        return NotifyResult(StepOutcome.REFUSED, str(error))
    if before is None or not before.document:
        return NotifyResult(None)
    from fleethub.integrations.tangleclaw.client import TangleClawError
    from fleethub.integrations.tangleclaw.steps import Log

    log = Log(before.base, root)
    with _client(log, before.token, before.ca, pane, seconds) as client:
        if client is None:
            return NotifyResult(log.steps[0].outcome, log.steps[0].detail)
        try:
            return NotifyResult(StepOutcome.REGISTERED, sessions=client.notify(before.document))
        except TangleClawError as error:
            return NotifyResult(error.outcome, str(error))


@contextmanager
def connected(
    log: Log, access: Access, before: SharedDocument | None, seconds: float | None = None
) -> Iterator[TangleClaw | None]:
    """A client for ``log.base``, with what was given or registered for it; None as of ``_client``."""
    ways = (_token(access, before, log.base), _ca(access, before, log.base), access.binding)
    with _client(log, *ways, seconds) as client:
        yield client


@contextmanager
def _client(
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


def _token(access: Access, before: SharedDocument | None, base: str) -> SecretRef | None:
    """What was given, else what was registered with: a token only goes where it was given for."""
    return access.token or (before.token if before is not None and before.base == base else None)


def _ca(access: Access, before: SharedDocument | None, base: str) -> str | None:
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
