"""The live feed over real sockets: nothing lost, nothing twice, nothing of others' areas; nobody waits for the slow."""

import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from dashboard_api import feed as feed_module
from dashboard_api.feed import Audience, Viewer
from models.event import EventKind
from models.store import feed
from models.store.feed import Cursor
from models.user import Role
from tests.dashboard_api.served import Served
from tests.dashboard_api.sse import Message, Sse
from tests.dashboard_api.world import OTHER, OWN, OWN_INNER, World

WRITERS = 4
ROWS_EACH = 60
BIG = "x" * 10_000


def _say(world: World, area: str, *marks: object, kind: str = "status", text: str = "") -> None:
    with world.store.transaction() as conn:
        feed.append_many(conn, [(area, kind, str(mark), {"mark": mark, "text": text}) for mark in marks])


def _rows(world: World) -> list[str]:
    """Return the cursors of all rows, in order."""
    with world.store.transaction() as conn:
        return [str(row.cursor) for row in feed.read(conn, Cursor(0, 0), 100_000)]


def _within(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(name in whole and whole[name] == value for name, value in part.items())


def _wait_for_reader(world: World) -> None:
    """Wait until the process has read all that was written, so that a new viewer hears none of it."""
    assert _eventually(lambda: str(world.app.state.context.hub.position) == _rows(world)[-1])


def _wait_for_reader_to_begin(world: World) -> None:
    assert _eventually(lambda: world.app.state.context.hub._position is not None)


def _eventually(true: Callable[[], bool], within_s: float = 5) -> bool:
    pause = threading.Event()
    deadline_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        pause.wait(0.02)
    return True


def test_a_feed_says_hello_and_then_what_happens(world: World, served: Served) -> None:
    """As server-sent events that no proxy keeps; each body is what the lists show."""
    incident = world.incident()
    with Sse(served, world.login("operator")) as sse:
        assert sse.answer.status == 200
        assert sse.answer.headers["content-type"].startswith("text/event-stream")
        assert sse.answer.headers["cache-control"] == "no-store"
        assert sse.answer.headers["x-accel-buffering"] == "no"
        hello = sse.next()
        assert hello is not None
        assert (hello.kind, hello.body["resumed"]) == ("hello", False)
        Cursor.parse(hello.id)
        operator = world.as_("operator")
        operator.post(f"/api/v1/incidents/{incident.id}/claim")
        told = sse.until("incident", state="claimed")[-1]
        listed = operator.get("/api/v1/incidents").json()["items"][0]
        assert _within(listed, told.body)
        camera = world.camera()
        event = world.event(source_id=camera.id)
        assert sse.until("event")[-1].body == operator.get(f"/api/v1/events/{event.id}").json()


def test_a_wall_that_is_there_at_once_waits_for_the_feed(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process serves before its reader has heard from the database; only after seconds it says to come later."""
    hub = world.app.state.context.hub
    _wait_for_reader_to_begin(world)
    position, hub._position = hub._position, None
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(Sse, served, world.login("operator"))
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.2)
        hub._position = position
        with opening.result(timeout=5) as sse:
            assert (sse.next() or Message("", "", {})).kind == "hello"
    monkeypatch.setattr(feed_module, "BEGIN_LOOKS", 1)
    hub._position = None
    with Sse(served, world.login("operator")) as refused:
        assert (refused.answer.status, refused.problem()["status"]) == (503, 503)
    hub._position = position


def test_registrations_are_told_as_the_lists_show_them(world: World, served: Served) -> None:
    """New, changed, moved and retired cameras and units come to every wall; how a camera is reached does not."""
    engineer = world.as_("engineer")
    with Sse(served, world.login("operator")) as sse, Sse(served, world.login("admin")) as inner:
        inner.next()
        camera = world.camera()
        told = sse.until("camera")[-1].body
        assert told == {
            name: value
            for name, value in engineer.get(f"/api/v1/cameras/{camera.id}").json().items()
            if name not in ("source", "sub_path", "onvif_port")
        }
        world.camera_state(camera.id)
        state = sse.until("camera", state="streaming")[-1].body
        assert "name" not in state  # else a wall takes it for a registration
        unit = world.unit()
        engineer.patch(f"/api/v1/units/{unit.id}", json={"place": "Building 3"})
        shown = engineer.get(f"/api/v1/units/{unit.id}").json()
        told = sse.until("unit", place="Building 3")[-1].body
        assert _within(shown.pop("state"), told.pop("state"))
        assert told == shown
        patrol = world.patrol()
        for path, kind, id in (
            (f"cameras/{camera.id}", "camera", camera.id),
            (f"units/{unit.id}", "unit", unit.id),
        ):
            assert engineer.delete(f"/api/v1/{path}").status_code == 204
            assert sse.until(kind, id=id)[-1].body["retired_at"]
        assert world.as_("dispatcher").delete(f"/api/v1/patrols/{patrol.id}").status_code == 204
        assert [one.body for one in sse.until("patrol", id=patrol.id, state="off_duty")][-1]["id"] == patrol.id
        assert sse.until("patrol", id=patrol.id)[-1].body["retired_at"]


def test_who_saw_only_the_old_place_hears_that_a_camera_moved_away(world: World, served: Served) -> None:
    """Without being told where to."""
    world.person("inner", Role.OPERATOR, inside=(OWN_INNER,))
    camera, unit = world.camera(OWN_INNER), world.unit(OWN_INNER)
    _wait_for_reader(world)
    with Sse(served, world.login("inner")) as inner, Sse(served, world.login("operator")) as outer:
        inner.next()
        engineer = world.as_("engineer")
        engineer.patch(f"/api/v1/cameras/{camera.id}", json={"area": OWN}, headers={"If-Match": "1"})
        engineer.patch(f"/api/v1/units/{unit.id}", json={"area": OWN})
        for kind, id in (("camera", camera.id), ("unit", unit.id)):
            assert set(inner.until(kind, id=id)[-1].body) == {"id", "retired_at"}
            assert [set(one.body) >= {"name"} for one in outer.until(kind, id=id, area=OWN)][-2:] == [False, True]


def test_nothing_of_others_areas_is_heard(world: World, served: Served) -> None:
    """None of ten thousand rows next door; a name that merely begins alike is next door too."""
    with Sse(served, world.login("operator")) as sse:
        sse.next()
        for part in range(10):
            _say(world, OTHER, *range(part * 1000, (part + 1) * 1000), kind="event_of_nobody")
            _say(world, f"{OWN}er", part, kind="incident")
            _say(world, "city", part, kind="incident")
        _say(world, OWN_INNER, "mine", kind="incident")
        assert [one.body["mark"] for one in sse.until("incident", mark="mine")] == ["mine"]


@pytest.mark.parametrize("seed", range(3))
def test_a_browser_that_comes_and_goes_hears_all_once(world: World, served: Served, seed: int) -> None:
    """Four writers whose transactions overlap, a reader that breaks off at random and resumes by Last-Event-ID."""
    chance = random.Random(seed)
    secret = world.login("operator")
    with Sse(served, secret) as sse:
        after = sse.until("hello")[-1].id
    writing = threading.Thread(target=_write_at_once, args=(world, seed))
    writing.start()
    heard: list[Message] = []
    while not heard or heard[-1].body.get("mark") != "end":
        with Sse(served, secret, after=after) as sse:
            resumed = sse.next()
            assert resumed is not None
            assert (resumed.kind, resumed.body["resumed"], resumed.id) == ("hello", True, after)
            for _ in range(chance.randint(1, 25)):
                message = sse.next()
                assert message is not None
                heard.append(message)
                if message.body.get("mark") == "end":
                    break
        after = heard[-1].id
    writing.join()
    assert [one.id for one in heard] == _rows(world)


def _write_at_once(world: World, seed: int) -> None:
    start = threading.Barrier(WRITERS)

    def write(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        start.wait()
        for _ in range(ROWS_EACH // 3):
            with world.store.transaction() as conn:
                for _ in range(chance.randint(1, 5)):
                    feed.append(conn, area=OWN, kind="incident", ref=str(number), body={"of": number})
                    conn.execute("SELECT pg_sleep(%s)", (chance.random() * 0.004,))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    _say(world, OWN, "end", kind="incident")


def test_a_browser_that_lost_the_feed_for_long_gets_all_of_it(world: World, served: Served) -> None:
    """More than is read at once, in parts, in order, filtered; `after` in the address does as well."""
    with Sse(served, world.login("operator")) as sse:
        hello = sse.next()
        assert hello is not None
    for part in range(5):
        _say(world, OWN, *range(part * 500, (part + 1) * 500), kind="incident")
        _say(world, OTHER, *range(500), kind="incident")
    for path, after in (("/api/v1/feed", hello.id), (f"/api/v1/feed?after={hello.id}", None)):
        with Sse(served, world.login("operator"), path, after=after) as sse:
            heard = sse.until("incident", mark=2499)
            assert heard[0].body["resumed"] is True
            assert [one.body["mark"] for one in heard[1:]] == list(range(2500))


def test_who_missed_what_is_not_kept_any_more_is_told_to_fetch_everything(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a cursor of another life of the database; a text that is no cursor is refused."""
    monkeypatch.setattr(feed_module, "CATCH_UP_LOOKS", 5)
    with Sse(served, world.login("operator")) as sse:
        hello = sse.next()
        assert hello is not None
    _say(world, OWN, 1, 2, 3)
    with world.store.transaction() as conn:
        conn.execute("UPDATE feed SET at = at - interval '1 day'")
        assert feed.prune(conn, world.clock.utc_now() + timedelta(days=100_000)) == 3
    for after in (hello.id, f"{2**62}-1"):
        with Sse(served, world.login("operator"), after=after) as sse:
            first, second = sse.next(), sse.next()
            assert first is not None
            assert second is not None
            assert (first.body["resumed"], second.kind, second.id) == (False, "resync", first.id)
            _say(world, OWN, after, kind="incident")
            sse.until("incident", mark=after)
    for wrong in ("abc", "1", "-", "1-", "9" * 63, "1-2-3", "\u0661-\u0662"):
        answer = world.as_("operator").get(f"/api/v1/feed?after={wrong}")
        assert answer.status_code == 422, wrong


def test_a_long_absence_ends_in_a_resync(world: World, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a limit, fetching the lists is cheaper than hearing each step of the way to them."""
    monkeypatch.setattr("dashboard_api.feed_response.REPLAY_PARTS_MAX", 2)
    with Sse(served, world.login("operator")) as sse:
        hello = sse.next()
        assert hello is not None
    _say(world, OWN, *range(2 * feed.READ_LIMIT + 1), kind="incident")
    _wait_for_reader(world)
    with Sse(served, world.login("operator"), after=hello.id) as sse:
        assert len(sse.until("resync")) == 2 * feed.READ_LIMIT + 2
        _say(world, OWN, "next", kind="incident")
        sse.until("incident", mark="next")


def test_a_cursor_of_another_process_is_understood(world: World, served: Served) -> None:
    """Browsers come back to whichever API process answers."""
    from dashboard_api.app import create_app  # noqa: PLC0415

    with Served(create_app(world.site, world.store, clock=world.clock)) as other:
        secret = world.login("operator")
        for mark in range(10):
            here, there = (served, other) if mark % 2 else (other, served)
            with Sse(here, secret) as sse:
                sse.next()
                _say(world, OWN, mark, kind="incident")
                after = sse.until("incident", mark=mark)[-1].id
            with Sse(there, secret, after=after) as sse:
                _say(world, OWN, f"{mark} more", kind="incident")
                assert [one.kind for one in sse.until("incident", mark=f"{mark} more")] == ["hello", "incident"]


def test_nobody_waits_for_a_browser_that_does_not_read(world: World, served: Served) -> None:
    """It is told to fetch everything once it reads again; the others hear all of it at once."""
    with (
        Sse(served, world.login("operator"), receive_buffer_bytes=4096) as slow,
        Sse(served, world.login("dispatcher")) as quick,
    ):
        slow.next()
        quick.next()
        for part in range(30):
            _say(world, OWN, *range(part * 100, (part + 1) * 100), kind="incident", text=BIG)
            assert len(quick.until("incident", mark=(part + 1) * 100 - 1)) == 100
        _say(world, OWN, "last", kind="incident")
        heard: list[Message] = []
        while not heard or heard[-1].kind != "resync":
            message = slow.next()
            assert message is not None
            heard.append(message)
        marks = [one.body["mark"] for one in heard[:-1]]
        assert marks == list(range(len(marks)))
        assert len(marks) < 3000
        _say(world, OWN, "after", kind="incident")
        assert slow.until("incident", mark="after")


def test_a_browser_that_never_reads_again_is_let_go(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place and its memory are given back."""
    monkeypatch.setattr(feed_module, "STUCK_AFTER_S", 0.2)
    hub = world.app.state.context.hub
    with Sse(served, world.login("operator"), receive_buffer_bytes=4096) as slow:
        slow.next()
        assert hub.viewer_count == 1
        for _ in range(10):
            _say(world, OWN, *range(100), kind="incident", text=BIG)
        pause = threading.Event()
        for _ in range(100):
            served.call(hub.end_stuck)
            if hub.viewer_count == 0:
                break
            pause.wait(0.05)
        assert hub.viewer_count == 0


def test_a_row_that_cannot_be_handed_out_does_not_end_the_feed(world: World, served: Served) -> None:
    """Viewers fetch everything once, and hear what comes behind it."""
    with Sse(served, world.login("operator")) as sse:
        sse.next()
        _say(world, OWN, "broken", kind="event")  # without the fields that every event has
        sse.until("resync")
        _say(world, OWN, "next", kind="incident")
        assert [one.kind for one in sse.until("incident", mark="next")] == ["incident"]


@pytest.mark.alone
def test_a_disabled_users_feed_is_cut_within_two_seconds(world: World, served: Served) -> None:
    """Also when the browser reads nothing; and one whose areas were moved has to come again."""
    hub = world.app.state.context.hub
    world.person("guest", Role.OPERATOR)
    world.person("mover", Role.OPERATOR)
    boss = world.as_("admin")
    with (
        Sse(served, world.login("guest")) as reading,
        Sse(served, world.login("guest"), receive_buffer_bytes=4096) as deaf,
        Sse(served, world.login("mover")) as moved,
    ):
        for one in (reading, deaf, moved):
            one.next()
        for _ in range(10):
            _say(world, OWN, *range(100), kind="incident", text=BIG)
        assert hub.viewer_count == 3
        assert boss.patch("/api/v1/users/guest", json={"disabled": True}).status_code == 200
        assert boss.patch("/api/v1/users/mover", json={"areas": [OWN_INNER]}).status_code == 200
        began_s = time.monotonic()
        while reading.next():
            pass
        while moved.next():
            pass
        assert _eventually(lambda: hub.viewer_count == 0, within_s=2)
        assert time.monotonic() - began_s < 2


def test_each_role_hears_what_it_may(world: World, served: Served) -> None:
    """Patrols and their errands are the desk's; the rest is everybody's."""
    for role in Role:
        with Sse(served, world.login(role.value)) as sse:
            sse.next()
            world.patrol()
            world.event(kind=EventKind.FIRE)
            kinds = {one.kind for one in sse.until("event")}
            desk = role in (Role.OPERATOR, Role.DISPATCHER, Role.ADMIN)
            assert kinds == ({"patrol", "event"} if desk else {"event"}), role


def test_a_phone_hears_its_own_errands_alone_and_is_online_meanwhile(world: World, served: Served) -> None:
    """Not those of others, no incidents, no events; when it goes, the wall sees that after a while."""
    mine, other = world.patrol(), world.patrol()
    incident = world.incident()
    with Sse(served, world.phone(mine.id), "/api/v1/patrol/feed") as phone:
        phone.next()

        def online() -> dict[str, bool]:
            items = world.as_("dispatcher").get("/api/v1/patrols").json()["items"]
            return {item["id"]: item["online"] for item in items}

        assert _eventually(lambda: online() == {mine.id: True, other.id: False})
        world.event()
        world.assignment(incident.id, other.id)
        errand = world.assignment(incident.id, mine.id)
        heard = phone.until("assignment")
        assert heard[-1].body["id"] == errand.id
        assert {(one.kind, one.body.get("patrol_id") or one.body["id"]) for one in heard} <= {
            ("patrol", mine.id),
            ("assignment", mine.id),
        }
    world.clock.advance(16)
    assert online() == {mine.id: False, other.id: False}


def test_a_user_has_so_many_streams_and_no_more(world: World, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next is refused with a problem; one that closes makes room."""
    monkeypatch.setattr("dashboard_api.watch.PER_USER_MAX", 2)
    secret = world.login("operator")
    with Sse(served, secret), Sse(served, secret) as second:
        with Sse(served, secret) as third:
            assert third.answer.status == 503
            assert third.problem()["type"] == "urn:alertwall:problem:overloaded"
        with Sse(served, world.login("analyst")) as others:
            assert others.answer.status == 200
        second.close()

        def room() -> bool:
            with Sse(served, secret) as again:
                return again.answer.status == 200

        assert _eventually(room)


def test_walls_hear_that_a_part_went(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second after it is late; and beats come with the cursor to resume from."""
    monkeypatch.setattr(feed_module, "PULSE_EVERY_S", 0.05)
    monkeypatch.setattr(feed_module, "BEAT_EVERY_S", 0.05)
    world.beat("core", "core")
    with Served(world.app) as running, Sse(running, world.login("operator")) as sse:
        hello, beat = sse.next(), sse.next(beats=True)
        assert hello is not None
        assert beat is not None
        assert (beat.kind, beat.id) == ("beat", hello.id)
        assert set(beat.body) == {"at"}
        _eventually(lambda: False, within_s=0.2)
        world.clock.advance(6)
        told = sse.until("status")[-1]
        assert told.id == ""
        assert [(part["id"], part["state"]) for part in told.body["parts"]] == [("core", "down")]


async def _viewer(run: Callable[[Viewer], None]) -> list[bytes | None]:
    viewer = Viewer(Audience(areas=(OWN,), kinds=frozenset()), Cursor(1, 1))
    run(viewer)
    return [await viewer.next(lambda: Cursor(7, 7))]


def test_a_burst_reaches_a_reader_whole_and_a_backlog_does_not() -> None:
    """Whatever its size, what comes when nothing waits is not slow; what waits behind a megabyte is."""
    import asyncio  # noqa: PLC0415

    def burst(viewer: Viewer) -> None:
        viewer.push(b"x" * (feed_module.QUEUE_MAX_BYTES * 3))

    def backlog(viewer: Viewer) -> None:
        burst(viewer)
        viewer.push(b"y")
        viewer.push(b"z")

    (whole,) = asyncio.run(_viewer(burst))
    assert whole is not None
    assert len(whole) == feed_module.QUEUE_MAX_BYTES * 3
    (told,) = asyncio.run(_viewer(backlog))
    assert told is not None
    assert told.startswith(b"id: 7-7\nevent: resync\n")
    assert json.loads(told.decode().split("data: ")[1]) == {}
