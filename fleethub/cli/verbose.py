"""``-v`` and ``--debug``: what is sent, on standard error; and where a bug is."""

from __future__ import annotations

import logging
import os
import sys


def start(debug: bool) -> None:
    """Log from now on; ``debug``: a bug is shown with its traceback, which holds no values."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log = logging.getLogger("fleethub.requests")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    if debug:
        os.environ["FLEETHUB_DEBUG"] = "1"
