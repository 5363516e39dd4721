"""The page."""
from __future__ import annotations
from fastapi import APIRouter
from fleethub.server.site import Site
def page(site: Site) -> APIRouter:
    return APIRouter()
