"""Tell a TangleClaw about a fleet's FLEETHUB.md: register, look, take back, and notify after a rewrite."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub import folders
from fleethub.integrations.tangleclaw import shared_document as kept
from fleethub.integrations.tangleclaw.access import Access, Unusable, ca_for, client_at, token_for
from fleethub.integrations.tangleclaw.result import Binding, NotifyResult, StepOutcome, StepResult, TangleClawReport
from fleethub.integrations.tangleclaw.shared_document import SharedDocument

if TYPE_CHECKING:
    from fleethub.integrations.tangleclaw.audience import Projects
    from fleethub.integrations.tangleclaw.client import TangleClaw
    from fleethub.integrations.tangleclaw.log import Log
    from fleethub.integrations.tangleclaw.shapes import Document, Group, Member

NOTIFY = 2.0  # seconds for all of it: whoever rewrites the document waits for it


def fleet_root(path: Path) -> Path:
    """The folder of the fleet at a path (or of its fleet.toml); raises Unusable. A spec with mistakes will do."""
    try:
        folder = path.parent if folders.is_file(path) else path
        there = folders.is_file(folder / "fleet.toml")
    except OSError as error:
        raise Unusable(f"{path} cannot be looked at: {error.strerror}") from None
    if not there:
        raise Unusable(f"there is no fleet.toml in {folder}: name the fleet's folder with -C")
    return folder.resolve()


def register_document(
    root: Path, access: Access, group: str | None = None, members: Sequence[str] = ()
) -> TangleClawReport:
    """Find or make the group, add members, register FLEETHUB.md. Again is fine. Raises SharedDocumentError.

    ``group``: its name; None: see ``groups.group``. ``members``: ids or names of projects.
    """
    from fleethub.integrations.tangleclaw import audience, documents, groups, profiles
    from fleethub.integrations.tangleclaw.log import Log

    before = kept.read(root / ".fleethub")
    base = access.base or access.default or (before.base if before else access.local)
    token, ca = token_for(access, before, base), ca_for(access, before, base)
    log = Log(base, root)
    with client_at(log, token, ca, access.binding) as client:
        if client is None:
            return log.report()
        same = before if before is not None and before.base == base else None
        found = log.run("group", partial(groups.group, client, group, root, same))
        if found is None:
            log.skip(*(f"member {one}" for one in members), "document", "description", "audience")
            return log.report()
        projects = audience.Projects(client)
        for one in members:
            log.run(f"member {one}", partial(groups.member, client, found, one, projects))
        document = log.run("document", partial(documents.document, client, found, root))
        if document is None:
            log.skip("description")
        else:
            kept.write(root / ".fleethub", SharedDocument(base, found.id, document.id, document.path, token, ca))
            made = log.steps[-1].outcome is StepOutcome.REGISTERED
            log.run("description", partial(documents.describe, client, document, made, root))
            if before is not None and before.document and (before.base, before.group) != (base, found.id):
                log.notes.append(f"what was registered before, at {before.base}, stays there: nothing was taken back")
        seen = _audience(log, client, found, document, projects)
        if document is not None and seen is not None:
            known = {str(one.id): one.name for one in seen if one.name}
            kept.write(root / ".fleethub", SharedDocument(base, found.id, document.id, document.path, token, ca, known))
    log.notes += (*documents.beside(found, root), *profiles.elsewhere(root, access.home))
    return log.report()


def _audience(
    log: Log, client: TangleClaw, found: Group, document: Document | None, projects: Projects
) -> list[Member] | None:
    """Who sees it, who has it locked, and in whose CLAUDE.md it stands; returns the members, None: not known."""
    from fleethub.integrations.tangleclaw import audience, ports, tunnels

    members = log.run("audience", partial(audience.audience, client, found, projects))
    log.note("whether its tunnels' pages are let in by the nodes", partial(tunnels.notes, client, log.root))
    log.note("whether a node's port is leased to somebody else", partial(ports.notes, client, log.root))
    if document is None:
        return members
    log.note("whether somebody has the document locked", partial(audience.locked, client, document))
    if members:
        log.notes += audience.reaches(members, document)
    return members


def document_status(root: Path, access: Access, group: str | None = None) -> TangleClawReport:
    """What TangleClaw has of this fleet. Changes nothing. Raises SharedDocumentError."""
    from fleethub.integrations.tangleclaw import audience, documents, groups, profiles
    from fleethub.integrations.tangleclaw.log import Log

    before = kept.read(root / ".fleethub")
    base = access.base or (before.base if before else None) or access.default or access.local
    log = Log(base, root)
    found = None
    with client_at(log, token_for(access, before, base), ca_for(access, before, base), access.binding) as client:
        if client is not None:
            same = before if before is not None and before.base == base else None
            found = log.run("group", partial(groups.known_group, client, group, root, same))
            if found is None:
                log.skip("document", "audience")
            else:
                registered = log.run("document", partial(documents.known_document, client, found, root))
                _audience(log, client, found, registered, audience.Projects(client))
    if not documents.written(root):
        log.notes.append(f"there is no {documents.FILE} in {root} yet: fleethub apply writes it")
    log.notes += (*documents.beside(found, root), *profiles.elsewhere(root, access.home))
    return log.report()


def unregister_document(root: Path, access: Access) -> TangleClawReport:
    """Take the document back that was registered from here, and only that one. Its file and the group stay.

    Where it was is remembered, for the next registration. Raises SharedDocumentError.
    """
    from fleethub.integrations.tangleclaw import documents, profiles
    from fleethub.integrations.tangleclaw.log import Log

    before = kept.read(root / ".fleethub")
    if before is None or not before.document:
        step = StepResult("document", StepOutcome.UNREGISTERED, "nothing was registered from this clone")
        base = access.base or access.default or (before.base if before else access.local)
        return TangleClawReport(base, (step,), tuple(profiles.staying(root)))
    base = access.base or before.base
    log = Log(base, root)
    with client_at(log, token_for(access, before, base), ca_for(access, before, base), access.binding) as client:
        if client is not None and log.run("document", partial(documents.remove, client, before, base)):
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
    from fleethub.integrations.tangleclaw.log import Log

    log = Log(before.base, root)
    with client_at(log, before.token, before.ca, pane, seconds) as client:
        if client is None:
            return NotifyResult(log.steps[0].outcome, log.steps[0].detail)
        try:
            return NotifyResult(StepOutcome.REGISTERED, sessions=client.notify(before.document))
        except TangleClawError as error:
            return NotifyResult(error.outcome, str(error))
