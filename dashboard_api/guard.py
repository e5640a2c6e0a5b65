"""Who is asking, and may they: looked at before anything else of a request."""

from psycopg import Connection
from starlette.requests import HTTPConnection

from dashboard_api.context import Context
from dashboard_api.gate import load_for
from dashboard_api.policy import PATH_NAMES, Access, Policy
from dashboard_api.refusals import Denied, NotSignedIn
from models.camera import Camera
from models.errors import NotFound
from models.store import audit, logins, publishing
from models.user import Login

COOKIE = "alertwall_login"
SECRET_MAX_CHARS = 200


class Guard:
    """Admits requests by their route's policy; denials of those signed in are written down."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def admit(self, request: HTTPConnection, policy: Policy) -> Access:
        """Return who asks and the thing in the path.

        Raises `NotSignedIn`, `Denied`, or `NotFound` for a thing outside the asker's areas.
        """
        secret, by_header = secret_of(request)
        if secret is None:
            raise NotSignedIn("sign in first")
        with self._context.store.transaction() as conn:
            login = logins.find(conn, secret, self._context.clock.utc_now())
            if login is None or by_header != (login.kind == "token"):
                raise NotSignedIn("this login has ended; sign in again")
            refusal = _refusal(login, policy, request.scope.get("method", "WEBSOCKET"))
            thing = None
            if refusal is None:
                try:
                    thing = _thing(conn, login, policy, request)
                except NotFound as unseen:
                    refusal = unseen
            if refusal is None:
                return Access(login=login, id_hash=logins.digest(secret), thing=thing)
            audit.append(
                conn,
                actor=login.username,
                action="denied",
                object=f"{request.scope.get('method', 'WEBSOCKET')} {request.url.path[:300]}",
                detail={"why": type(refusal).__name__, "ip": client_ip(request)},
            )
        raise refusal

    def admit_publisher(self, request: HTTPConnection) -> Camera:
        """Return the camera in the path when the bearer token is its own; `NotSignedIn` says no more than that.

        A cookie counts for nothing here, which is why pages of other sites may call these routes.
        """
        token = _bearer(request.headers.get("authorization", ""))
        camera = None
        if token is not None:
            with self._context.store.transaction() as conn:
                camera = publishing.find(conn, str(request.path_params["camera_id"]), token)
        if camera is None:
            raise NotSignedIn("this token publishes for no such camera")
        return camera


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and 0 < len(token) <= SECRET_MAX_CHARS else None


def secret_of(request: HTTPConnection) -> tuple[str | None, bool]:
    """Return the secret the client holds, and whether it came as a bearer token."""
    header = request.headers.get("authorization")
    if header is not None:
        return _bearer(header), True
    cookie = request.cookies.get(COOKIE)
    return (cookie if cookie and len(cookie) <= SECRET_MAX_CHARS else None), False


def client_ip(request: HTTPConnection) -> str:
    """Return the address that asks; a trusted proxy's word for it was taken before."""
    return request.client.host if request.client else ""


def is_local(request: HTTPConnection) -> bool:
    """Tell whether a process of this machine asks, not somebody behind a proxy on it."""
    forwarded = {"x-forwarded-for", "forwarded", "x-real-ip"} & set(request.headers.keys())
    return not forwarded and client_ip(request) in ("127.0.0.1", "::1")


def _refusal(login: Login, policy: Policy, method: str) -> Denied | NotFound | None:
    if login.kind == "patrol":
        return None if policy.patrol else Denied("a patrol's phone may not do this")
    if login.role not in policy.roles:
        return Denied(f"the role {login.role} may not do this")
    if login.kind == "token":
        if not policy.tokens:
            return Denied("a token may not do this; sign in")
        scope = policy.scope(method)
        if login.scopes and scope not in login.scopes:
            return Denied(f"this token lacks the scope {scope}")
    return None


def _thing(conn: Connection, login: Login, policy: Policy, request: HTTPConnection) -> object:
    if policy.object is None:
        return None
    return load_for(conn, login, policy.object, request.path_params[PATH_NAMES[policy.object]], retired=policy.retired)
