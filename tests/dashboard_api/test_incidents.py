"""Handling incidents over HTTP: exactly one claims, keys work once, every step is written down."""

import http.client
import json
import threading
from collections import Counter
from contextlib import closing
from typing import Any
from uuid import uuid4

from models.event import EventKind
from models.user import Role
from tests.dashboard_api.served import Served
from tests.dashboard_api.world import OTHER, OWN, World

CLAIMS = 1000
THREADS = 16


def test_of_a_thousand_claims_exactly_one_wins(world: World, served: Served) -> None:
    """One 200, 999 times 409 with the winner's name, whoever asks and however many at once, over real connections."""
    incident = world.incident()
    names = [f"op-{number}" for number in range(THREADS)]
    for name in names:
        world.person(name, Role.OPERATOR)
    secrets = [world.login(name) for name in names]
    answers: list[tuple[int, Any]] = []
    start = threading.Barrier(THREADS)

    def claim_often(number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
            start.wait()
            for _ in range(number, CLAIMS, THREADS):
                headers = {"Cookie": f"alertwall_login={secrets[number]}"}
                connection.request("POST", f"/api/v1/incidents/{incident.id}/claim", headers=headers)
                answer = connection.getresponse()
                answers.append((answer.status, json.loads(answer.read())))

    threads = [threading.Thread(target=claim_often, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(status for status, _ in answers) == {200: 1, 409: CLAIMS - 1}
    (winner,) = [body["owner"] for status, body in answers if status == 200]
    assert {body["winner"] for status, body in answers if status == 409} == {winner}
    assert world.as_(winner).get(f"/api/v1/incidents/{incident.id}").json()["owner"] == winner
    assert len(world.audit("incident.claim")) == 1


def test_an_incident_from_claim_to_close(world: World) -> None:
    """Every step shows on its page and on the trail."""
    incident = world.incident()
    client = world.as_("operator")
    path = f"/api/v1/incidents/{incident.id}"
    assert client.post(f"{path}/close", json={"disposition": "false"}).status_code == 409
    assert client.post(f"{path}/claim").json()["state"] == "claimed"
    assert client.post(f"{path}/comment", json={"text": "calling them"}).status_code == 200
    assert client.post(f"{path}/release").json()["state"] == "new"
    assert client.post(f"{path}/claim").status_code == 200
    taken = world.as_("dispatcher").post(f"{path}/close", json={"disposition": "false"})
    assert (taken.status_code, taken.json()["winner"]) == (409, "operator")
    closed = client.post(f"{path}/close", json={"disposition": "genuine", "text": "fire brigade came"})
    assert closed.json()["disposition"] == "genuine"
    page = client.get(path)
    assert page.headers["etag"].strip('"') == str(page.json()["row_version"])
    assert [entry["kind"] for entry in page.json()["entries"]] == [
        *("opened", "claimed", "comment", "released", "claimed", "closed")
    ]
    assert page.json()["events"][0]["incident_id"] == incident.id
    assert client.post(f"{path}/claim").status_code == 409
    actions = [action for _, action, object in world.audit() if object == f"incident:{incident.id}"]
    assert actions == [f"incident.{step}" for step in ("open", "claim", "comment", "release", "claim", "close")]


def test_a_claim_may_insist_on_what_was_seen(world: World) -> None:
    """If-Match of an older version loses, without a winner to blame."""
    incident = world.incident()
    client = world.as_("operator")
    path = f"/api/v1/incidents/{incident.id}/claim"
    client.post(f"/api/v1/incidents/{incident.id}/comment", json={"text": "x"})
    assert client.post(path, headers={"If-Match": '"1"'}).status_code == 409
    assert client.post(path, headers={"If-Match": '"2"'}).status_code == 200


def test_the_same_key_opens_one_incident(world: World) -> None:
    """Sent again, also at the same time; another body under the key is a mistake."""
    client = world.as_("operator")
    body = {"kind": "fire", "area": OWN, "text": "smoke over the roof"}
    headers = {"Idempotency-Key": str(uuid4())}
    first = client.post("/api/v1/incidents", json=body, headers=headers)
    again = client.post("/api/v1/incidents", json=body, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["location"] == f"/api/v1/incidents/{first.json()['id']}"
    assert client.post("/api/v1/incidents", json={**body, "text": "other"}, headers=headers).status_code == 422
    other = world.as_("dispatcher").post("/api/v1/incidents", json=body, headers=headers)
    assert other.json()["id"] != first.json()["id"]
    statuses: list[int] = []
    key = {"Idempotency-Key": str(uuid4())}
    clients = [world.as_("operator") for _ in range(8)]
    threads = [
        threading.Thread(
            target=lambda one=one: statuses.append(one.post("/api/v1/incidents", json=body, headers=key).status_code)
        )
        for one in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    listed = client.get("/api/v1/incidents").json()["items"]
    assert len(listed) == 3


def test_a_failed_request_does_not_use_its_key_up(world: World) -> None:
    """What was refused may be sent right under the same key."""
    client = world.as_("operator")
    headers = {"Idempotency-Key": "k1"}
    bad = client.post("/api/v1/incidents", json={"kind": "fire", "area": OTHER, "text": "x"}, headers=headers)
    assert bad.status_code == 404
    good = client.post("/api/v1/incidents", json={"kind": "fire", "area": OWN, "text": "x"}, headers=headers)
    assert good.status_code == 201


def test_incidents_are_filtered_and_paged(world: World) -> None:
    """By state, priority, kind, area; each once, newest first."""
    kinds = [EventKind.FIRE, EventKind.BURGLARY, EventKind.UNIT_TROUBLE]
    made = [world.incident(OWN, kinds[number % 3]).id for number in range(9)]
    world.incident(OTHER)
    client = world.as_("operator")
    client.post(f"/api/v1/incidents/{made[0]}/claim")
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/api/v1/incidents?limit=4&cursor={cursor}").json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]

    def ids(query: str) -> set[int]:
        return {item["id"] for item in client.get(f"/api/v1/incidents?{query}").json()["items"]}

    assert ids("state=claimed") == {made[0]}
    assert ids("state=new,claimed") == set(made)
    assert ids("kind=fire,burglary") == {id for number, id in enumerate(made) if number % 3 != 2}
    assert ids("priority=1") == {id for number, id in enumerate(made) if number % 3 == 0}
    assert ids(f"area={OTHER}") == set()
