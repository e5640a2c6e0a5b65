"""The routes, one noun a module. Each is thin: its policy, its shapes, one or two calls."""

from fastapi import APIRouter

from dashboard_api.policy import GuardedRoute

API = "/api/v1"


def router(tag: str, *, prefix: str = API) -> APIRouter:
    """Return a router whose routes are all guarded."""
    return APIRouter(
        prefix=prefix, tags=[tag], route_class=GuardedRoute, generate_unique_id_function=lambda route: route.name
    )
