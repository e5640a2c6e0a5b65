"""Accounts made from this machine's own command line."""

from models.area import check_area
from models.store import areas as area_store
from models.store import users
from models.store.pool import Store
from models.user import Role, User


def add(
    store: Store,
    username: str,
    password: str,
    *,
    role: Role,
    areas: tuple[str, ...],
    name: str | None = None,
    language: str = "en",
) -> User:
    """Add an account; areas that have no name yet are named after their paths."""
    user = User(username=username, display_name=name or username, role=role, areas=areas, language=language)
    hashed = users.hash_password(password)
    with store.transaction() as conn:
        known = {area.path for area in area_store.listing(conn)}
        for area in areas:
            if check_area(area) not in known:
                area_store.ensure(conn, area, area)
        return users.create(conn, user, hashed)
