"""Tell a TangleClaw about a fleet's FLEETHUB.md: register, look, take back, and notify after a rewrite.

The document is registered by its path, with its description in the same call. TangleClaw's own ``sync`` would take
in every other ``.md`` beside it too, and newer versions let nobody but the operator describe a document afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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
    from fleethub.integrations.tangleclaw.client import TangleClaw
    from fleethub.integrations.tangleclaw.steps import Log

BASE = "http://localhost:3101"
GROUP = "AI Inference"
NOTIFY = 2.0  # seconds for all of it: whoever rewrites the document waits for it
GAP = (
    'TangleClaw 5.14 writes no shared document into CLAUDE.md: it waits for an "id" in .tangleclaw/project.json, which '
    "nothing sets (and FleetHub leaves that committed file alone). What reaches those sessions is the hook: "
    "fleethub tangleclaw install-hook"
)


class Unusable(InputError):
    """What was given cannot be used; the message is fit to be shown, and never holds a secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a TangleClaw: what was asked for (None: nothing), and what the environment says."""

    base: str | None = None
    token: SecretRef | None = None
    default: str | None = None
    binding: Binding | None = None


def access(base: str | None, token: str | None, environ: Mapping[str, str]) -> Access:
    """From a URL, a reference and an environment; raises Unusable."""
    default = environ.get("TANGLECLAW_API", "")
    return Access(
        _url(base, "--api") if base is not None else None,
        _reference(token) if token is not None else None,
        _url(default, "TANGLECLAW_API") if default else None,
        binding(environ),
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


def register_document(root: Path, access: Access, group: str = GROUP, members: Sequence[int] = ()) -> TangleClawReport:
    """Find or make the group, add members, register FLEETHUB.md. Again is fine. Raises SharedDocumentError."""
    from fleethub.integrations.tangleclaw import steps

    before = kept.read(root / ".fleethub")
    base = access.base or access.default or (before.base if before else BASE)
    token = _token(access, before, base)
    log = steps.Log(base, root)
    with _client(log, token, access.binding) as client:
        if client is None:
            return log.report()
        found = log.run("group", partial(steps.group, client, group, root))
        if found is None:
            log.skip(*(f"member {number}" for number in members), "document", "description")
            return log.report()
        for number in members:
            log.run(f"member {number}", partial(steps.member, client, found, number))
        document = log.run("document", partial(steps.document, client, found, root))
        if document is None:
            log.skip("description")
        else:
            kept.write(root / ".fleethub", SharedDocument(base, found.id, document.id, document.path, token))
            made = log.steps[-1].outcome is StepOutcome.REGISTERED
            log.run("description", partial(steps.describe, client, document, made))
            if before is not None and (before.base, before.group) != (base, found.id):
                log.notes.append(f"what was registered before, at {before.base}, stays there: nothing was taken back")
    log.notes += steps.beside(found, root)
    return log.report()


def document_status(root: Path, access: Access, group: str = GROUP) -> TangleClawReport:
    """What TangleClaw has of this fleet. Changes nothing. Raises SharedDocumentError."""
    from fleethub.integrations.tangleclaw import steps

    before = kept.read(root / ".fleethub")
    base = access.base or (before.base if before else None) or access.default or BASE
    log = steps.Log(base, root)
    found = None
    with _client(log, _token(access, before, base), access.binding) as client:
        if client is not None:
            found = log.run("group", partial(steps.known_group, client, group, before))
            if found is None:
                log.skip("document")
            else:
                registered = log.run("document", partial(steps.known_document, client, found, root))
                if registered is not None and access.binding is None:
                    log.notes.append(GAP)
    if not steps.written(root):
        log.notes.append(f"there is no {steps.FILE} in {root} yet: fleethub apply writes it")
    log.notes += steps.beside(found, root)
    return log.report()


def unregister_document(root: Path, access: Access) -> TangleClawReport:
    """Take the document back that was registered from here, and only that one. Its file and the group stay.

    Raises SharedDocumentError.
    """
    from fleethub.integrations.tangleclaw import steps

    before = kept.read(root / ".fleethub")
    if before is None:
        step = StepResult("document", StepOutcome.UNREGISTERED, "nothing was registered from this clone")
        return TangleClawReport(access.base or access.default or BASE, (step,))
    base = access.base or before.base
    log = steps.Log(base, root)
    with _client(log, _token(access, before, base), access.binding) as client:
        if client is not None and log.run("document", partial(steps.remove, client, before, base)):
            kept.remove(root / ".fleethub")
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
    if before is None:
        return NotifyResult(None)
    from fleethub.integrations.tangleclaw.client import TangleClawError
    from fleethub.integrations.tangleclaw.steps import Log

    log = Log(before.base, root)
    with _client(log, before.token, pane, seconds) as client:
        if client is None:
            return NotifyResult(log.steps[0].outcome, log.steps[0].detail)
        try:
            return NotifyResult(StepOutcome.REGISTERED, sessions=client.notify(before.document))
        except TangleClawError as error:
            return NotifyResult(error.outcome, str(error))


@contextmanager
def _client(
    log: Log, token: SecretRef | None, pane: Binding | None, seconds: float | None = None
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
    with closing(Http()) as http:
        yield TangleClaw(http, log.base, secret, pane, seconds or SECONDS)


def _token(access: Access, before: SharedDocument | None, base: str) -> SecretRef | None:
    """What was given, else what was registered with: a token only goes where it was given for."""
    return access.token or (before.token if before is not None and before.base == base else None)


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
