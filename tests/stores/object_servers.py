"""Servers of object storage on the loopback: Azurite (Azure's own emulator, from npm), and moto for S3's protocol."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.ports import free
from tests.stores.postgres import missing

#: What Azurite's documentation gives to everybody.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``url`` of a prefix that is empty, ``environment`` what its clients need."""

    scheme: str
    endpoint: str
    environment: dict[str, str] = field(default_factory=dict)

    def url(self, prefix: str) -> str:
        return f"{self.scheme}://fleets/{prefix}"


@contextmanager
def azurite() -> Iterator[Server]:
    """Azurite with a container; FLEETHUB_AZURITE names its program."""
    program = os.environ.get("FLEETHUB_AZURITE") or shutil.which("azurite-blob")
    if program is None:
        missing("FLEETHUB_AZURITE (npm install azurite)", "Azurite")
    assert program is not None
    (port,) = free()
    folder = Path(tempfile.mkdtemp(prefix="fleethub-azurite-"))
    how = [
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        str(folder),
        "--silent",
        "--skipApiVersionCheck",
    ]
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with _running([program, *how, "--disableTelemetry"], port, folder):
        _container(endpoint)
        names = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY}
        yield Server("az", endpoint, names)


@contextmanager
def moto() -> Iterator[Server]:
    """moto's S3 with a bucket."""
    path = [p for p in (os.environ.get("FLEETHUB_MOTO", ""), os.environ.get("PYTHONPATH", "")) if p]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(p).resolve()) for p in path)}
    found = subprocess.run([sys.executable, "-c", "import moto.server"], capture_output=True, check=False, env=here)
    if found.returncode:
        missing("moto (pip install 'moto[s3,server]', or into the folder FLEETHUB_MOTO)", "moto")
    (port,) = free()
    folder = Path(tempfile.mkdtemp(prefix="fleethub-moto-"))
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, folder, here):
        endpoint = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(urllib.request.Request(f"{endpoint}/fleets", method="PUT"), timeout=30).close()
        names = {"AWS_ACCESS_KEY_ID": "canary-id", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_REGION": "us-east-1"}
        yield Server("s3", endpoint, names)


@contextmanager
def _running(argv: list[str], port: int, folder: Path, env: dict[str, str] | None = None) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder, env=env)
    try:
        end = time.monotonic() + 60
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"it did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _container(endpoint: str) -> None:
    """Make the container ``fleets``: obstore makes none."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    canonical = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    resource = f"/{ACCOUNT}/{ACCOUNT}/fleets\nrestype:container"
    text = "PUT" + "\n" * 12 + canonical + resource
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    request = urllib.request.Request(f"{endpoint}/fleets?restype=container", method="PUT", headers=headers)
    urllib.request.urlopen(request, timeout=30).close()
