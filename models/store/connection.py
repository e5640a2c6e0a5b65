"""The kind of connection the pool hands out: it remembers whether the transaction wrote to the feed."""

from typing import Any

from psycopg import Connection


class StoreConnection(Connection[Any]):
    """`feed_written` is set by `models.store.feed` and read by `models.store.pool` after the commit."""

    feed_written: bool = False
