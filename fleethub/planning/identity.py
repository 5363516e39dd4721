"""What a plan is known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fleethub.kinds.values import ResourceState
from fleethub.model.address import Address
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Change, Step


def identity(
    fleet: Fleet,
    lockfile: Lockfile | None,
    changes: Sequence[Change],
    items: Mapping[Address, ResourceState],
    steps: Sequence[Step],
) -> str:
    """Digest of spec, lockfile, what was observed of what changes, and the steps: the same plan has the same id."""
    seen = {a: item.seen for a, item in items.items()}
    body: dict[str, Any] = {
        "spec": fleet.digest,
        "state": [lockfile.lineage, lockfile.serial] if lockfile else [],
        "changes": [
            [str(c.address), c.action, dict(there.attrs) if (there := seen[c.address]) else None] for c in changes
        ],
        "steps": [[s.id, repr(s.do)] for s in steps],
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=list).encode()).hexdigest()[:12]
