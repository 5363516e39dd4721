"""Routes that edit the spec. None applies anything: the answer says what the next apply does."""

from __future__ import annotations

from fastapi import APIRouter

from fleethub.server.site import Site


def writing(site: Site) -> APIRouter:
    """The routes of one fleet."""
    return APIRouter()
