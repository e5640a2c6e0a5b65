"""The application: routes, guards and pages put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Router

from configs.site import Site
from dashboard_api import problems
from dashboard_api.context import Context
from dashboard_api.feed import FeedHub
from dashboard_api.gatekeeper import Gatekeeper
from dashboard_api.guard import Guard
from dashboard_api.pages import STATIC, Pages
from dashboard_api.peers import Peers
from dashboard_api.policy import check_routes
from dashboard_api.routes import (
    areas,
    bulk,
    cameras,
    events,
    feeds,
    incidents,
    media,
    onvif,
    patrol_phone,
    patrols,
    publish,
    rehearsals,
    rules,
    sign_in,
    statistics,
    system,
    timeline,
    units,
    users,
)
from dashboard_api.status import state_of_parts
from dashboard_api.version import version
from dashboard_api.views import ViewLog
from dashboard_api.watch import LoginWatch
from dashboard_api.workers import Workers
from models.clock import Clock, SystemClock
from models.store.pool import Store
from models.store.secrets import SecretBox

MODULES = (
    sign_in,
    users,
    areas,
    cameras,
    bulk,
    onvif,
    rules,
    rehearsals,
    media,
    publish,
    units,
    patrols,
    patrol_phone,
    events,
    incidents,
    timeline,
    statistics,
    feeds,
    system,
)


def create_app(site: Site, store: Store, *, clock: Clock | None = None, static: Path = STATIC) -> FastAPI:
    """Return the whole application; raises `PolicyMissing` when a route does not say who may call it."""
    app = bare_app()
    equip(app, make_context(site, store, clock or SystemClock()))
    app.router.lifespan_context = _lifespan
    _serve_pages(app.router, static)
    problems.install(app)
    app.add_middleware(Gatekeeper, public_origin=site.api.public_origin, hosts=[site.api.host])
    return app


def make_context(site: Site, store: Store, clock: Clock) -> Context:
    """Return what the process holds."""
    workers, watch = Workers(lambda: site.internal_token, clock), LoginWatch(store, clock)
    return Context(
        site=site,
        store=store,
        clock=clock,
        box=SecretBox(site.secret_key_file),
        workers=workers,
        hub=FeedHub(store, clock, partial(state_of_parts, store, clock)),
        watch=watch,
        views=ViewLog(store, clock),
        peers=Peers(workers, watch),
    )


def equip(app: FastAPI, context: Context) -> None:
    """Give the routes of ``app`` what they work with."""
    app.state.context = context
    app.state.guard = Guard(context)


def bare_app() -> FastAPI:
    """Return the routes alone, which is enough to print their document."""
    app = FastAPI(
        title="alertwall",
        version=version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # an address with one slash more is another address, not a redirect of a DELETE
    )
    for module in MODULES:
        app.include_router(module.routes)
    app.include_router(system.root)
    check_routes(app.routes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.hub.start()
    context.watch.start()
    yield
    await context.watch.stop()
    await context.hub.stop()


def _serve_pages(router: Router, static: Path) -> None:
    """Let the wall's files answer whatever no route takes."""
    router.default = Pages(static)
