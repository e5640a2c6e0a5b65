"""Signing in and out: cookies, throttling, limits of a login, set-up, tokens."""

from datetime import timedelta
from pathlib import Path

import pytest

from dashboard_api.app import create_app
from models.store import areas, logins, users
from models.store.pool import Store
from models.user import Role
from tests.dashboard_api.world import OTHER, OWN, PASSWORD, World, make_site
from tests.support.clock import FakeClock


def _sign_in(world: World, username: str, password: str = PASSWORD) -> int:
    body = {"username": username, "password": password}
    return int(world.client().post("/api/v1/login", json=body).status_code)


def test_a_right_password_sets_a_cookie_that_pages_cannot_read_or_lend(world: World) -> None:
    """HttpOnly, SameSite=Strict, the whole site; the secret is nowhere in the body or the database."""
    answer = world.client().post("/api/v1/login", json={"username": "operator", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json() == {
        "username": "operator",
        "display_name": "Operator",
        "role": "operator",
        "areas": [OWN],
        "language": "en",
    }
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    secret = cookie.split("=", 1)[1].split(";")[0]
    assert len(secret) >= 43
    assert secret not in answer.text
    with world.store.transaction() as conn:
        assert conn.execute(
            "SELECT count(*) FROM login WHERE encode(id_hash, 'escape') = %s", (secret,)
        ).fetchone() == (0,)
    assert ("operator", "login", "user:operator") in world.audit("login")


def test_cookies_insist_on_tls_where_browsers_come_by_tls(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """A public https origin makes the cookie Secure and sends HSTS."""
    world = World.make(store, clock, tmp_path / "s", api={"public_origin": "https://wall.example"})
    client = world.client(headers={"Origin": "https://wall.example", "Host": "wall.example"})
    answer = client.post("/api/v1/login", json={"username": "operator", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_wrong_name_and_wrong_password_look_alike(world: World) -> None:
    """Nobody learns which names exist, neither from the answer nor from when it is throttled."""
    bad = world.client().post("/api/v1/login", json={"username": "operator", "password": "wrong"})
    unknown = world.client().post("/api/v1/login", json={"username": "ghost", "password": "wrong"})
    assert bad.status_code == unknown.status_code == 401
    assert bad.json() == unknown.json()
    assert "set-cookie" not in bad.headers


def test_an_unknown_name_takes_the_same_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash is checked also when there is none to check."""
    checked: list[str | None] = []
    real = users.matches

    def noting(hashed: str | None, password: str) -> bool:
        checked.append(hashed)
        return real(hashed, password)

    monkeypatch.setattr(users, "matches", noting)
    for name in ("operator", "ghost", "not a name!"):
        assert _sign_in(world, name, "wrong") == 401
    assert len(checked) == 3


@pytest.mark.parametrize("name", ["operator", "ghost"])
def test_after_ten_wrong_tries_one_in_thirty_seconds_is_looked_at(world: World, clock: FakeClock, name: str) -> None:
    """The eleventh waits, whoever asks; those signed in notice nothing."""
    signed_in = world.as_("operator")
    assert [_sign_in(world, name, "wrong") for _ in range(10)] == [401] * 10
    answer = world.client().post("/api/v1/login", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert signed_in.get("/api/v1/me").status_code == 200
    assert [_sign_in(world, name, "wrong") for _ in range(5)] == [429] * 5
    assert len(world.audit("login.throttled")) == 1  # a flood that costs nothing does not fill the trail
    clock.advance(30)
    assert _sign_in(world, name, "wrong") == 401
    assert _sign_in(world, name, PASSWORD) == 429
    clock.advance(30)
    assert _sign_in(world, name) == (200 if name == "operator" else 401)


@pytest.mark.parametrize("name", ["operator", "ghost", "not a name!", "x" * 200])
def test_tries_are_counted_over_processes_and_restarts(world: World, name: str) -> None:
    """For names that exist and names that do not alike, or their difference would tell."""
    other = World(world.site, world.store, world.clock, create_app(world.site, world.store, clock=world.clock))
    for turn in range(10):
        assert _sign_in(other if turn % 2 else world, name, "wrong") == 401
    assert _sign_in(other, name, "wrong") == _sign_in(world, name, "wrong") == 429


def test_names_that_nobody_tries_are_forgotten(world: World, clock: FakeClock) -> None:
    """Guessers cannot fill the database."""
    for name in ("operator", "ghost"):
        _sign_in(world, name, "wrong")
    clock.advance(3601)
    _sign_in(world, "later", "wrong")
    with world.store.transaction() as conn:
        assert users.prune_tries(conn, clock.utc_now()) == 2


def test_the_right_password_forgets_the_wrong_ones(world: World) -> None:
    """Nine slips, one success, nine slips: never throttled."""
    for _ in range(2):
        assert [_sign_in(world, "operator", "wrong") for _ in range(9)] == [401] * 9
        assert _sign_in(world, "operator") == 200


def test_signing_in_gives_a_new_login_and_ends_the_old_one(world: World) -> None:
    """A login that somebody planted before does not become the victim's."""
    client = world.as_("operator")
    before = client.cookies["alertwall_login"]
    answer = client.post("/api/v1/login", json={"username": "operator", "password": PASSWORD})
    after = answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    assert after != before
    assert world.client(before).get("/api/v1/me").status_code == 401
    assert world.client(after).get("/api/v1/me").status_code == 200


def test_signing_out_ends_the_login_everywhere(world: World) -> None:
    """The same cookie in another tab is over as well."""
    first, second = world.as_("operator"), world.as_("operator")
    assert first.post("/api/v1/logout").status_code == 204
    assert second.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(("username", "idle_s"), [("engineer", 15 * 60), ("admin", 15 * 60), ("analyst", 2 * 3600)])
def test_idle_logins_end(world: World, clock: FakeClock, username: str, idle_s: int) -> None:
    """Who registers cameras and walks away is signed out; every request begins the wait anew."""
    client = world.as_(username)
    for _ in range(3):
        clock.advance(idle_s - 60)
        assert client.get("/api/v1/me").status_code == 200
    clock.advance(idle_s + 1)
    assert client.get("/api/v1/me").status_code == 401


def test_an_operator_stays_for_a_shift_and_no_longer(world: World, clock: FakeClock) -> None:
    """Twelve hours, even when the wall only shows; then the next shift signs in."""
    client = world.as_("operator")
    clock.advance(12 * 3600 - 1)
    assert client.get("/api/v1/me").status_code == 200
    clock.advance(2)
    assert client.get("/api/v1/me").status_code == 401


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(world: World) -> None:
    """Every login of theirs ends with the change."""
    client = world.as_("operator")
    assert world.as_("admin").patch("/api/v1/users/operator", json={"disabled": True}).status_code == 200
    assert client.get("/api/v1/me").status_code == 401
    assert _sign_in(world, "operator") == 401


def test_moving_areas_counts_from_the_next_request(world: World) -> None:
    """Role and areas are read with every request, not remembered at sign-in."""
    camera = world.camera(OWN)
    world.person("boss", Role.ADMIN, inside=("city",))
    client = world.as_("operator")
    assert client.get(f"/api/v1/cameras/{camera.id}").status_code == 200
    assert world.as_("boss").patch("/api/v1/users/operator", json={"areas": [OTHER]}).status_code == 200
    assert client.get(f"/api/v1/cameras/{camera.id}").status_code == 404


def test_a_new_password_ends_the_other_logins(world: World) -> None:
    """Whoever knew the old one is out."""
    client = world.as_("operator")
    assert world.as_("admin").patch("/api/v1/users/operator", json={"password": "another good one"}).status_code == 200
    assert client.get("/api/v1/me").status_code == 401
    assert _sign_in(world, "operator", "another good one") == 200


def test_nobody_takes_their_own_admin_away(world: World) -> None:
    """The last admin cannot lock everybody out by a slip."""
    admin = world.as_("admin")
    assert admin.patch("/api/v1/users/admin", json={"disabled": True}).status_code == 409
    assert admin.patch("/api/v1/users/admin", json={"role": "operator"}).status_code == 409


def test_an_admin_gives_no_areas_away_that_are_not_theirs(world: World) -> None:
    """Accounts are made inside one's own areas."""
    body = {"username": "new", "password": "long enough pw", "display_name": "N", "role": "admin", "areas": ["city"]}
    assert world.as_("admin").post("/api/v1/users", json=body).status_code == 404
    assert world.as_("admin").patch("/api/v1/users/operator", json={"areas": [OWN, OTHER]}).status_code == 404


def test_passwords_are_long_enough_and_not_the_name(world: World) -> None:
    """Short ones, and ones that hold the name, are refused with the field named."""
    body = {"username": "stefan", "display_name": "N", "role": "analyst", "areas": [OWN]}
    for password in ("short", "stefan-stefan"):
        answer = world.as_("admin").post("/api/v1/users", json={**body, "password": password})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/password"


class TestSetUp:
    """The first account is made with a token that was printed once."""

    def _fresh(self, store: Store, clock: FakeClock, tmp_path: Path) -> World:

        site = make_site(tmp_path / "s")
        return World(site, store, clock, create_app(site, store, clock=clock))

    def test_it_works_once(self, store: Store, clock: FakeClock, tmp_path: Path) -> None:
        """The token makes an admin of the whole site, signed in; then it and the door are closed."""
        world = self._fresh(store, clock, tmp_path)
        with store.transaction() as conn:
            areas.ensure(conn, OWN, "North")
            token = logins.issue_once(conn, "setup", clock.utc_now(), lives=timedelta(hours=1))
        body = {"token": token, "username": "root", "password": "long enough pw", "display_name": "Root"}
        client = world.client()
        assert client.get("/api/v1/setup").json() == {"needed": True}
        assert client.post("/api/v1/setup", json={**body, "token": "guess"}).status_code == 401
        made = client.post("/api/v1/setup", json=body)
        assert made.status_code == 201
        assert made.json()["role"] == "admin"
        assert made.json()["areas"] == ["city"]
        assert client.get("/api/v1/me").json()["username"] == "root"
        assert client.get("/api/v1/setup").json() == {"needed": False}
        assert client.post("/api/v1/setup", json=body).status_code == 409

    def test_an_old_token_is_refused(self, store: Store, clock: FakeClock, tmp_path: Path) -> None:
        """It lives as long as it was said."""
        world = self._fresh(store, clock, tmp_path)
        with store.transaction() as conn:
            token = logins.issue_once(conn, "setup", clock.utc_now(), lives=timedelta(hours=1))
        clock.advance(3601)
        body = {"token": token, "username": "root", "password": "long enough pw", "display_name": "Root"}
        assert world.client().post("/api/v1/setup", json=body).status_code == 401

    def test_a_fresh_site_has_no_account(self, store: Store, clock: FakeClock, tmp_path: Path) -> None:
        """No default name with any default password opens it."""
        world = self._fresh(store, clock, tmp_path)
        for name in ("admin", "root", "user", "operator", "guest"):
            for password in ("admin", "12345", "123456", "password", "", "alertwall"):
                assert _sign_in(world, name, password) in (401, 429)


class TestTokens:
    """Scripts hold scoped tokens in a header."""

    def test_a_token_does_what_its_scopes_say(self, world: World) -> None:
        """Reading events and nothing else; never as a cookie, and it makes no further tokens."""
        made = world.as_("admin").post(
            "/api/v1/tokens", json={"label": "report", "scopes": ["events:read"], "expires_in_days": 1}
        )
        secret = made.json()["token"]
        script = world.client(headers={"Authorization": f"Bearer {secret}"})
        assert script.get("/api/v1/events").status_code == 200
        assert script.get("/api/v1/incidents").status_code == 403
        assert script.post("/api/v1/tokens", json={"label": "x"}).status_code == 403
        assert world.client(secret).get("/api/v1/events").status_code == 401
        listed = world.as_("admin").get("/api/v1/tokens").json()["items"]
        assert [token["label"] for token in listed] == ["report"]
        assert "token" not in listed[0]
        assert world.as_("admin").delete(f"/api/v1/tokens/{listed[0]['id']}").status_code == 204
        assert script.get("/api/v1/events").status_code == 401

    def test_a_browsers_login_is_not_a_token(self, world: World) -> None:
        """A stolen cookie value is of no use in a header."""
        script = world.client(headers={"Authorization": f"Bearer {world.login('operator')}"})
        assert script.get("/api/v1/me").status_code == 401

    def test_a_token_ends_when_it_was_said_to(self, world: World, clock: FakeClock) -> None:
        """A day is a day."""
        script = world.client(headers={"Authorization": f"Bearer {world.token('operator')}"})
        assert script.get("/api/v1/me").status_code == 200
        clock.advance(24 * 3600 + 1)
        assert script.get("/api/v1/me").status_code == 401

    def test_unreadable_scopes_are_refused(self, world: World) -> None:
        """The wrong one is named."""
        answer = world.as_("admin").post("/api/v1/tokens", json={"label": "x", "scopes": ["events:read", "all"]})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/scopes/1"
