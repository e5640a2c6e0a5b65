"""Messages that were not understood, on every engine."""

from datetime import timedelta

from models.store import quarantine
from models.store.pool import Store
from models.store.quarantine import PAYLOAD_MAX_BYTES, QuarantinedMessage
from tests.support.clock import FakeClock


def test_kept_as_they_came(any_store: Store, clock: FakeClock) -> None:
    """Any bytes, cut where they are too long; newest first, by unit, page by page."""
    payloads = [bytes(range(256)), b"", b"x" * 10_000]
    with any_store.transaction() as conn:
        quarantine.write(conn, [])
        quarantine.write(
            conn,
            [
                QuarantinedMessage(
                    received_at=clock.utc_now(),
                    topic=f"aw/1/u/U{number}/evt\0",
                    payload=payload,
                    reason="not_json",
                    unit_id=f"U{number}" if number else None,
                )
                for number, payload in enumerate(payloads)
            ],
        )
        found, _ = quarantine.listing(conn)
        assert [message.payload for message in found] == [payloads[2][:PAYLOAD_MAX_BYTES], payloads[1], payloads[0]]
        assert "\0" not in found[0].topic
        assert [message.unit_id for message in quarantine.listing(conn, unit_id="U1")[0]] == ["U1"]
        page, cursor = quarantine.listing(conn, limit=2)
        assert [message.unit_id for message in page] == ["U2", "U1"]
        page, cursor = quarantine.listing(conn, limit=2, cursor=cursor)
        assert ([message.unit_id for message in page], cursor) == ([None], None)


def test_neither_old_nor_too_many_are_kept(any_store: Store, clock: FakeClock) -> None:
    """Rubbish that is sent day and night does not fill the disk."""
    now = clock.utc_now()
    with any_store.transaction() as conn:
        quarantine.write(
            conn,
            [
                QuarantinedMessage(received_at=now - timedelta(days=day), topic="t", payload=b"x", reason="not_json")
                for day in range(9, -1, -1)
            ],
        )
        assert quarantine.prune(conn, now - timedelta(days=6)) == 3
        assert quarantine.prune(conn, now - timedelta(days=6), keep_rows=4) == 3
        kept = [message.received_at for message in quarantine.listing(conn)[0]]
    assert kept == [now - timedelta(days=day) for day in range(4)]
