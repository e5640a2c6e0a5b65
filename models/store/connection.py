"""The kind of connection the pool hands out, and how every connection to the database is made."""

import select
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import ConnStatus

CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    # a database behind a network that swallows packets is noticed too
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # idle in a transaction would hold back the feed for everybody; after a lock has been waited for, statements must
    # see what its holder has committed, whatever the site's server sets
    "options": "-c timezone=UTC -c idle_in_transaction_session_timeout=20s -c statement_timeout=60s"
    " -c default_transaction_isolation=read\\ committed",
}


class StoreConnection(Connection[Any]):
    """`feed_written` is set by `models.store.feed` and read by `models.store.pool` after the commit."""

    feed_written: bool = False

    def is_alive(self) -> bool:
        """Tell, without asking the server, whether this idle connection is still good.

        An idle server says nothing; when there is something to read, it is a farewell or the end.
        """
        if self.closed:
            return False
        wait = select.poll()
        wait.register(self.fileno(), select.POLLIN)
        if not wait.poll(0):
            return True
        try:
            self.pgconn.consume_input()
            if self.pgconn.status == ConnStatus.OK:
                self.execute("")
                self.rollback()
        except psycopg.Error:
            return False
        return True


def make_durable(conn: Connection[Any]) -> None:
    """Let COMMIT mean what a receipt says, also on a server that answers before it has written."""
    with conn.transaction():
        conn.execute(
            """SELECT set_config('synchronous_commit', 'on', false)
               WHERE current_setting('synchronous_commit') = 'off'"""
        )
