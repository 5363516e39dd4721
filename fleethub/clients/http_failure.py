"""What went wrong with a request, in words."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

from fleethub.clients.http_answer import HttpError
from fleethub.model.text import heard

_FAILED = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.UnsupportedProtocol),
    *(httpx.HTTPError, httpx.InvalidURL, ValueError, zlib.error),
)


@contextmanager
def as_http_error() -> Iterator[None]:
    """Whatever goes wrong with a request, as HttpError."""
    try:
        yield
    except httpcore.TimeoutException as error:
        connecting = isinstance(error, httpcore.ConnectTimeout)
        what = "connecting" if connecting else "the answer"
        raise HttpError(f"timed out waiting for {what}", "silent" if connecting else "hangs") from None
    except httpcore.ConnectError as error:
        if (refused := _certificate_reason(error)) is not None:
            raise HttpError(f"its certificate is not trusted here ({refused})", "certificate") from None
        raise HttpError(f"cannot connect ({_os_reason(error)})", _connect_reason(error)) from None
    except _FAILED as error:
        raise HttpError(f"no usable answer ({type(error).__name__})") from None


def _os_reason(error: httpcore.ConnectError) -> str:
    text = str(error)
    return text.partition("] ")[2] or text or "no reason given"


def _certificate_reason(error: httpcore.ConnectError) -> str | None:
    """What is wrong with the server's certificate; None where that is not what is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return heard(cause.verify_message)
        cause = cause.__cause__ or cause.__context__
    return None


def _connect_reason(error: httpcore.ConnectError) -> str:
    """A name that is not known, a refusal, or something after the connection (TLS)."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "resolve"
        if isinstance(cause, ssl.SSLError):
            return "other"
        cause = cause.__cause__ or cause.__context__
    return "connect"
