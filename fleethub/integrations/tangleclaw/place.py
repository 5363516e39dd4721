"""Where this machine's TangleClaw listens, as its own configuration says: ``~/.tangleclaw/config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

LARGEST = 1 << 20  # bytes


def home_of(environ: Mapping[str, str]) -> Path | None:
    """TangleClaw's own folder: newer ones take it from TANGLECLAW_HOME; None where there is no home."""
    if environ.get("TANGLECLAW_HOME"):
        return Path(environ["TANGLECLAW_HOME"])
    home = environ.get("HOME")
    return Path(home) / ".tangleclaw" if home else None


def configured(environ: Mapping[str, str]) -> str | None:
    """Its URL on this machine; None where its configuration is not here, or says nothing that can be used.

    It serves https only with both files of a certificate, and behind a Caddy of its own it serves http itself.
    """
    folder = home_of(environ)
    try:
        if folder is None or (folder / "config.json").stat().st_size > LARGEST:
            return None
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    port = config.get("serverPort") if isinstance(config, dict) else None
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        return None
    secure = config.get("httpsEnabled") is True and config.get("httpsCertPath") and config.get("httpsKeyPath")
    return f"{'https' if secure and config.get('ingressMode') != 'caddy' else 'http'}://localhost:{port}"
