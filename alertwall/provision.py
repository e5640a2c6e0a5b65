"""Register what the site file names: idempotent, and changes made in the wall outlive a restart.

An entry is applied when the store lacks it, or when the file's entry changed since it was last applied.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel

from alarms.broker import hash_secret
from alertwall.state_folder import write_private
from configs.places import AnyRuleConfig, CameraConfig, PatrolConfig, TripwireConfig, UnitConfig, ZoneConfig
from configs.site import Site
from models.camera import Camera, CameraSource, Scheme
from models.clock import Clock
from models.patrol import Patrol
from models.rule import Rule
from models.store import areas, cameras, logins, patrols, publishing, units, users
from models.store.connection import StoreConnection
from models.store.pool import Store
from models.store.secrets import SecretBox
from models.unit import Unit

APPLIED_FILE = "provisioned.json"
BY_SITE_FILE = "site file"
"""Author of the rules that a site file names; rules of other authors are left alone."""
SETUP_TOKEN_LIVES = timedelta(hours=24)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Applied:
    """Digests of the entries as they were last applied."""

    path: Path
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, state_dir: Path) -> "Applied":
        path = state_dir / APPLIED_FILE
        try:
            return cls(path, dict(json.loads(path.read_text("utf-8"))))
        except (FileNotFoundError, ValueError):
            return cls(path)

    def same(self, key: str, entry: BaseModel) -> bool:
        """Tell whether ``entry`` is as it was, and note how it is now."""
        digest = hashlib.sha256(entry.model_dump_json().encode()).hexdigest()
        was, self.digests[key] = self.digests.get(key), digest
        return was == digest

    def write(self) -> None:
        write_private(self.path, json.dumps(self.digests, indent=1, sort_keys=True))


def provision(store: Store, site: Site) -> None:
    """Bring the store to what the site file says."""
    applied = Applied.read(site.state_dir)
    box = SecretBox(site.secret_key_file)
    with store.transaction() as conn:
        for path, name in site.areas.items():
            areas.ensure(conn, path, name)
        for named, camera in site.cameras.items():
            _camera(conn, box, applied, named, camera)
        for named, unit in site.units.items():
            _unit(conn, applied, named, unit)
        for named, patrol in site.patrols.items():
            _patrol(conn, applied, named, patrol)
    applied.write()


def setup_token(store: Store, clock: Clock) -> str | None:
    """Return a one-time token for the first administrator; None once there is an account."""
    with store.transaction() as conn:
        if users.count(conn):
            return None
        return logins.issue_once(conn, "setup", clock.utc_now(), lives=SETUP_TOKEN_LIVES)


def _camera(conn: StoreConnection, box: SecretBox, applied: Applied, id: str, said: CameraConfig) -> None:
    known = cameras.get(conn, id)
    if known is not None and known.retired_at is not None:
        log.warning("cameras.%s was retired in the wall; the site file's entry is passed over", id)
        return
    if applied.same(f"camera:{id}", said) and known is not None:
        return
    wanted = Camera(
        id=id,
        name=said.name,
        area=said.area,
        place=said.place,
        source=CameraSource(
            scheme=said.scheme,
            host=said.host,
            port=0 if said.scheme is Scheme.WHIP else said.port,
            path=said.path,
            transport=said.transport,
            username=said.username,
        ),
        sub_path=said.sub_path,
        lat=said.lat,
        lon=said.lon,
        enabled=said.enabled,
        record=said.record,
        retention_days=said.retention_days,
        has_password=bool(said.password),
        onvif_port=said.onvif_port,
        onvif_events=said.onvif_events,
        record_mode=said.record_mode,
        record_pre_s=said.record_pre_s,
        record_post_s=said.record_post_s,
        min_retention_days=said.min_retention_days,
        masks=said.masks,
    )
    sealed = cameras.seal(box, id, said.password)
    if known is None:
        cameras.create(conn, wanted, sealed)
    else:
        cameras.update(conn, wanted, password_enc=sealed, drop_password=sealed is None)
    if said.publish_token:
        publishing.set_token(conn, id, said.publish_token, datetime.now(UTC))
    _rules(conn, id, said)


def _rules(conn: StoreConnection, camera_id: str, said: CameraConfig) -> None:
    known = {rule.name: rule for rule in cameras.rules(conn, camera_id) if rule.created_by == BY_SITE_FILE}
    wanted = wanted_rules(camera_id, said)
    for name, rule in known.items():
        if name not in wanted:
            cameras.remove_rule(conn, camera_id, rule.id)
    for name, rule in wanted.items():
        same = known.get(name)
        cameras.put_rule(conn, rule if same is None else replace(rule, id=same.id, version=same.version))


def wanted_rules(camera_id: str, said: CameraConfig) -> dict[str, Rule]:
    """Return the rules that a camera's entry names, by name."""
    named: dict[str, ZoneConfig | TripwireConfig | AnyRuleConfig] = {**said.zones, **said.tripwires, **said.rules}
    return {name: replace(one.rule(camera_id, name), created_by=BY_SITE_FILE) for name, one in named.items()}


def _unit(conn: StoreConnection, applied: Applied, id: str, said: UnitConfig) -> None:
    known = units.get(conn, id)
    if known is not None and known.retired_at is not None:
        log.warning("units.%s was retired in the wall; the site file's entry is passed over", id)
        return
    if applied.same(f"unit:{id}", said) and known is not None:
        return
    fields = said.model_dump(exclude={"secret"})
    if known is None:
        units.create(conn, Unit(id=id, **fields), broker_hash=hash_secret(said.secret))
    else:
        units.update(conn, id, fields, expected_version=known.row_version)
        units.set_broker_hash(conn, id, hash_secret(said.secret))


def _patrol(conn: StoreConnection, applied: Applied, id: str, said: PatrolConfig) -> None:
    known = patrols.get(conn, id)
    if known is not None and known.retired_at is not None:
        log.warning("patrols.%s was retired in the wall; the site file's entry is passed over", id)
        return
    if applied.same(f"patrol:{id}", said) and known is not None:
        return
    if known is None:
        patrols.create(conn, Patrol(id=id, **said.model_dump()))
    else:
        patrols.update(conn, id, said.model_dump(exclude={"lat", "lon"}), expected_version=None)
