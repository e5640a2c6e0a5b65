"""A route that does not say who may call it stops the start."""

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import Response
from starlette.routing import Route

from dashboard_api.policy import EVERYBODY, GuardedRoute, PolicyMissing, check_routes, policy, policy_of


def test_a_guarded_route_without_a_policy_is_refused() -> None:
    """It fails where it is declared, before the application is put together."""
    router = APIRouter(route_class=GuardedRoute)
    with pytest.raises(PolicyMissing, match="/open: no policy"):

        @router.get("/open")
        def open_to_all() -> None: ...


def test_an_application_with_any_other_kind_of_route_is_refused() -> None:
    """A route that slipped past the guarded class is found when the application is made."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/open")
    def open_to_all() -> None: ...

    with pytest.raises(PolicyMissing):
        check_routes(app.routes)


def test_a_policy_on_an_unguarded_route_is_refused() -> None:
    """A mark that nothing looks at is worse than none."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/marked")
    @policy(EVERYBODY, noun="things")
    def marked() -> None: ...

    with pytest.raises(PolicyMissing, match="not a GuardedRoute"):
        check_routes(app.routes)


def test_a_plain_starlette_route_is_refused() -> None:
    """Neither mounts nor plain routes get around it."""

    async def answer(request: object) -> Response:
        return Response(str(request))

    with pytest.raises(PolicyMissing):
        check_routes([Route("/plain", answer)])


def test_a_policy_must_let_somebody_in_and_name_an_object_that_is_in_the_path() -> None:
    """Slips in a policy are found at the start too."""
    with pytest.raises(PolicyMissing):
        policy(noun="things")

    @policy(EVERYBODY, noun="cameras", object="camera")
    def endpoint() -> None: ...

    with pytest.raises(PolicyMissing, match="not in the path"):
        policy_of(endpoint, "/cameras/{other_id}")
