"""The application: routes, guards and pages put together."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from fastapi import FastAPI

from dashboard_api.policy import check_routes
from dashboard_api.routes import (
    areas,
    cameras,
    events,
    feeds,
    incidents,
    media,
    patrol_phone,
    patrols,
    rules,
    sign_in,
    system,
    timeline,
    units,
    users,
)


def version() -> str:
    """Return alertwall's version."""
    try:
        return installed("alertwall")
    except PackageNotFoundError:
        return "0+unknown"


def bare_app() -> FastAPI:
    """Return the routes alone, which is enough to print their document."""
    app = FastAPI(title="alertwall", version=version(), docs_url=None, redoc_url=None, openapi_url=None)
    for module in (
        sign_in,
        users,
        areas,
        cameras,
        rules,
        media,
        units,
        patrols,
        patrol_phone,
        events,
        incidents,
        timeline,
        feeds,
        system,
    ):
        app.include_router(module.routes)
    app.include_router(system.root)
    check_routes(app.routes)
    return app
