"""Every route says who may call it; one that does not stops the start.

`policy` is a mark on the endpoint. `GuardedRoute` looks at it before a byte of the body is read: who asks, may
this role do this, and does the thing in the path lie in their areas.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from models import user
from models.camera import Camera
from models.user import Login, Role

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

EVERYBODY = frozenset(Role)
DESK = frozenset({Role.OPERATOR, Role.DISPATCHER, Role.ADMIN})
DISPATCHERS = frozenset({Role.DISPATCHER, Role.ADMIN})
ENGINEERS = frozenset({Role.ENGINEER, Role.ADMIN})
WATCHERS = user.WATCHERS
ADMINS = frozenset({Role.ADMIN})

PATH_NAMES = {
    "camera": "camera_id",
    "unit": "unit_id",
    "patrol": "patrol_id",
    "incident": "incident_id",
    "event": "event_id",
    "assignment": "assignment_id",
    "user": "username",
    "token": "token_id",
}
"""The path parameter that names a thing of each kind."""

NO_CONTENT = 204
NOUNS: set[str] = set()
"""What a script's token may be given scopes of: the nouns of all routes that it may call."""


class PolicyMissing(Exception):
    """A route does not say who may call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may call a route. ``object`` is the kind of thing in its path that must lie in the caller's areas.

    With ``retired`` it may be one that is registered no longer. ``publisher`` is whoever shows the publishing token of
    the camera in the path, and nobody else; no cookie is looked at.
    """

    roles: frozenset[Role] = frozenset()
    patrol: bool = False
    anonymous: bool = False
    publisher: bool = False
    object: str | None = None
    retired: bool = False
    noun: str = ""
    tokens: bool = True

    def scope(self, method: str) -> str:
        """Return what a script's token must hold."""
        return f"{self.noun}:{'read' if method in ('GET', 'HEAD', 'WEBSOCKET') else 'write'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A request that its policy let through: who asks, and the thing in the path."""

    login: Login
    id_hash: bytes
    thing: Any = None


def policy(
    roles: Iterable[Role] = (),
    *,
    noun: str,
    object: str | None = None,
    retired: bool = False,
    patrol: bool = False,
    anonymous: bool = False,
    publisher: bool = False,
    tokens: bool = True,
) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint with who may call it; ``noun`` is the word its token scopes begin with."""
    said = Policy(
        roles=frozenset(roles),
        noun=noun,
        object=object,
        retired=retired,
        patrol=patrol,
        anonymous=anonymous,
        publisher=publisher,
        tokens=tokens,
    )
    if not (said.roles or said.patrol or said.anonymous or said.publisher):
        raise PolicyMissing(f"{noun}: a policy that lets nobody in")
    if said.roles and said.tokens:
        NOUNS.add(noun)

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.__policy__ = said  # type: ignore[attr-defined]
        return endpoint

    return mark


def policy_of(endpoint: Callable[..., Any] | None, path: str) -> Policy:
    """Return the endpoint's policy; raise `PolicyMissing` when there is none or its object is not in the path."""
    said = getattr(endpoint, "__policy__", None)
    if not isinstance(said, Policy):
        raise PolicyMissing(f"{path}: no policy")
    if said.object is not None and f"{{{PATH_NAMES[said.object]}" not in path:
        raise PolicyMissing(f"{path}: the policy's {said.object} is not in the path")
    return said


def check_routes(routes: Iterable[BaseRoute]) -> None:
    """Raise `PolicyMissing` for the first route, of whatever kind, that does not say who may call it."""
    for context in iter_route_contexts(list(routes)):
        policy_of(context.endpoint, context.path or repr(context.original_route))
        if isinstance(context.original_route, APIRoute) and not isinstance(context.original_route, GuardedRoute):
            raise PolicyMissing(f"{context.path}: not a GuardedRoute, so nothing looks at its policy")


class GuardedRoute(APIRoute):
    """A route whose policy is looked at first."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        said = policy_of(endpoint, path)
        options["openapi_extra"] = {**said_in_openapi(said), **(options.get("openapi_extra") or {})}
        if options.get("status_code") == NO_CONTENT:
            options["response_class"] = Response  # FastAPI would call the missing body JSON
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> "Handler":
        """Return the handler with the guard before it."""
        handle = super().get_route_handler()
        said = policy_of(self.endpoint, self.path)
        if said.anonymous:
            return handle
        if said.publisher:
            return _for_publishers(handle)

        async def guarded(request: Request) -> Response:
            guard = request.app.state.guard
            request.state.access = await run_in_threadpool(guard.admit, request, said)
            return await handle(request)

        return guarded


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _for_publishers(handle: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        guard = request.app.state.guard
        request.state.publishing = await run_in_threadpool(guard.admit_publisher, request)
        return await handle(request)

    return guarded


def said_in_openapi(said: Policy) -> dict[str, Any]:
    """Return what the OpenAPI document says of a policy."""
    if said.anonymous:
        return {"security": [], "x-roles": ["anonymous"]}
    if said.publisher:
        return {"security": [{"publisher": []}], "x-roles": ["publisher"]}
    ways: list[dict[str, list[str]]] = [{"cookie": []}]
    if said.tokens and said.roles:
        ways.append({"bearer": []})
    return {"security": ways, "x-roles": sorted(said.roles) + (["patrol"] if said.patrol else [])}


async def _access(connection: HTTPConnection) -> Access:
    access = connection.state.access
    assert isinstance(access, Access)
    return access


async def _publishing(connection: HTTPConnection) -> Camera:
    camera = connection.state.publishing
    assert isinstance(camera, Camera)
    return camera


Publishing = Annotated[Camera, Depends(_publishing)]
"""An endpoint's parameter: the camera that the caller's token publishes for."""

Allowed = Annotated[Access, Depends(_access)]
"""An endpoint's parameter: who asks, as the guard found them."""
