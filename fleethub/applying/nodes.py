"""Node steps: deliver the files, wait until the node has settled, remove what a dropped block left."""

from __future__ import annotations

from datetime import UTC, datetime

from fleethub.applying.context import Context, StepError
from fleethub.clients.host import HostError, Parcel, connect
from fleethub.clients.vault import SecretError
from fleethub.model.actions import Deliver, RemoveNode, Settle


def deliver(do: Deliver, context: Context) -> tuple[str, ...]:
    """Fill the secrets in, put the files in place, the mark last. A folder is activated by the rename."""
    try:
        files = [(file.path, context.vault.fill(file.text), file.mode) for file in do.files]
        mark = {
            **context.mark(do.generation),
            "digests": {file.path: context.vault.text(file.text) for file in do.files},
            "activated": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        parcel = Parcel(files, mark, do.folders, do.uid, do.expects, do.stale)
        connect(do.source.at, context.root).deliver(parcel, context.vault)
    except (HostError, SecretError) as error:
        raise StepError(str(error)) from None
    return ()


def settle(do: Settle, context: Context) -> tuple[str, ...]:
    """Wait until ``seconds`` have passed since the delivery; nodes that settle together share the wait."""
    passed = 0.0 if do.delivered is not None else _age(do.since)
    context.outlast(do.delivered, do.seconds - passed, "nodes settle on their new config")
    return ()


def remove(do: RemoveNode, context: Context) -> tuple[str, ...]:
    """Remove what is still as applied; what somebody changed, and OpenClaw's own data, stays and is named."""
    try:
        kept = connect(do.source.at, context.root).remove(do.files, context.vault)
    except HostError as error:
        raise StepError(str(error)) from None
    return (f"{do.source.at}: {', '.join(kept)} stays",) if kept else ()


def _age(since: str | None) -> float:
    """Seconds since a node said it was activated; not known counts as just now."""
    if since is None:
        return 0.0
    try:
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
