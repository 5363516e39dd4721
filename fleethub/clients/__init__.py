"""The only room with network and processes. Answers become values of ``model.facts``, or Unknown with a reason."""

import sys

# Else ``import httpx`` imports httpx's own command line with rich and pygments, because both are installed: half of its
# time. A module that is None cannot be imported, and httpx does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
