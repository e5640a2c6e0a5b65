"""What `alertwall run` would have seen to before a part, for a part that is started by itself."""

import psycopg

from alertwall.state_folder import make_internal_token
from configs.site import Site
from models.errors import NotReady
from models.store import migrate

CONNECT_TIMEOUT_S = 3


def prepare(site: Site) -> None:
    """Make the token that parts show each other; `NotReady` when the named database is not of this version.

    A database that does not answer is no reason: the part waits for it.
    """
    site.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_internal_token(site.state_dir)
    if site.database.dsn is not None and (lacking := lacks(site.database.dsn)):
        numbers = ", ".join(map(str, lacking))
        raise NotReady(f"the database lacks migrations {numbers}: run `alertwall migrate` with this site file first")


def lacks(dsn: str) -> list[int]:
    """Return the migrations that are still to be applied; none when the database cannot be asked."""
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S) as conn:
            there = conn.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
            rows = conn.execute("SELECT version FROM schema_migration").fetchall() if there and there[0] else []
    except psycopg.OperationalError:
        return []
    applied = {int(row[0]) for row in rows}
    return [migration.version for migration in migrate.available() if migration.version not in applied]
