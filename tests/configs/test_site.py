"""Loading a site file, and what the user reads when it is refused."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from configs import refusals, site
from configs.demo_site import DemoSecrets, unit_ids
from configs.site import Site
from models.errors import ConfigError, NotReady

EXAMPLE = Path(site.__file__).with_name("example.site.toml")
SMALLEST = 'state_dir = "state"\n'
AREA = '[areas]\nhaikou = "Haikou"\n'
CAMERA = AREA + '[cameras.gate]\nname = "Gate"\narea = "haikou"\nhost = "10.0.0.2"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, "utf-8")
    return path


def refuse(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        site.load(write(folder, SMALLEST + text))
    return str(refused.value)


def test_smallest_site_has_paths_below_its_own_folder(tmp_path: Path) -> None:
    """A relative state folder is meant from the site file, and the rest follows from it."""
    loaded = site.load(write(tmp_path, SMALLEST))
    assert loaded.state_dir == tmp_path / "state"
    assert loaded.media_dir == tmp_path / "state" / "media"
    assert loaded.secret_key_file == tmp_path / "state" / "secret.key"
    assert loaded.weights_dir == tmp_path / "state" / "weights"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CAMERA + "[cameras.gate.zones.door]\npolygon = [[0, 0], [1, 1]]",
            "cameras.gate.zones.door.polygon: needs 3 points, has 2",
        ),
        (
            CAMERA + "[cameras.gate.zones.door]\npolygon = [[0, 0], [0.5, 0.5], [1, 1]]",
            "cameras.gate.zones.door.polygon: needs points that enclose an area, has points on one line",
        ),
        (
            CAMERA + "[cameras.gate.zones.door]\npolygon = [[0, 0], [2, 0], [1, 1]]",
            "cameras.gate.zones.door.polygon: needs points within 0..1 of the picture, has [2, 0]",
        ),
        (
            CAMERA + "[cameras.gate.tripwires.kerb]\nline = [[0, 0], [0, 0]]",
            "cameras.gate.tripwires.kerb.line: needs 2 different points, has the same one twice",
        ),
        ("[ingest]\naudio = true", "ingest.audio: needs false: sound is not recorded yet"),
        ("[api]\nprot = 1", "api.prot: is not a key (did you mean 'port'?)"),
        (CAMERA + "hots = 'x'", "cameras.gate.hots: is not a key (did you mean 'host'?)"),
        (
            CAMERA + "[cameras.gate.zones.door]\npolygn = []",
            "cameras.gate.zones.door.polygon: is required",
        ),
        ("[apis]\nport = 1", "apis: is not a key (did you mean 'api'?)"),
        ("[api]\nport = 'high'", "api.port: needs a valid integer, unable to parse string as an integer, has 'high'"),
        ("[api]\nport = 70000", "api.port: needs less than or equal to 65535, has 70000"),
        (CAMERA + "path = 'stream'", "cameras.gate.path: needs a path that starts with /, has 'stream'"),
        (
            CAMERA + 'path = "/a\\r\\nSETUP"',
            "cameras.gate.path: needs one line without control characters",
        ),
        (
            CAMERA + 'scheme = "exec"',
            (
                "cameras.gate.scheme: needs 'rtsp', 'rtsps', 'http', 'https', 'whep', 'wheps', 'whip' or 'file',"
                " has 'exec'"
            ),
        ),
        (
            AREA + '[cameras.gate]\nname = "Gate"\narea = "haiku"\nhost = "x"',
            "cameras.gate.area: needs one of [areas] or inside one, has 'haiku'",
        ),
        (AREA + '[cameras.gate]\nname = "Gate"\narea = "haikou"', "cameras.gate.host: needs a name or an address"),
        (
            CAMERA + 'scheme = "whip"',
            "cameras.gate.scheme: needs no host, port, path or password when it is whip: nobody dials it",
        ),
        (
            AREA + '[cameras.gate]\nname = "Gate"\narea = "haikou"\nscheme = "whip"\npublish_token = "short"',
            "cameras.gate.publish_token: needs at least 20 characters",
        ),
        (
            AREA + '[cameras.gate]\nname = "Gate"\narea = "haikou"\nhost = "-i/etc/passwd"',
            "cameras.gate.host: needs a host name or address alone, has '-i/etc/passwd'",
        ),
        (
            CAMERA + '[units.U1]\nname="Home"\narea="haikou"\nsecret="123456789012"\ncameras=["gat"]',
            "units.U1.cameras[0]: needs an id of [cameras], has 'gat' (did you mean 'gate'?)",
        ),
        (
            AREA + '[units.U1]\nname="Home"\narea="haikou"\nsecret="123456789012"\nheartbeat_s=200',
            "units.U1.silence_limit_s: needs at least heartbeat_s (200)",
        ),
        (AREA + '[units.u1]\nname="Home"', "units.u1: needs 1 to 32 of A-Z, 0-9 and -, has 'u1'"),
        ('[broker]\nurl = "http://x"', "broker.url: needs mqtt://host:port or mqtts://host:port, has 'http://x'"),
        (
            '[ingest]\nallowed_networks = ["everywhere"]',
            "ingest.allowed_networks: needs networks such as 192.168.0.0/16, has 'everywhere'",
        ),
    ],
)
def test_refusal_names_the_key_and_what_was_expected(tmp_path: Path, text: str, message: str) -> None:
    """The first line an engineer reads is enough to mend the file."""
    assert refuse(tmp_path, text) == f"site.toml: {message}"


@pytest.mark.parametrize(("scheme", "port"), [("rtsp", 554), ("rtsps", 322), ("http", 80), ("https", 443)])
def test_a_camera_without_a_port_has_the_usual_one(tmp_path: Path, scheme: str, port: int) -> None:
    """As a browser or a player would take it."""
    loaded = site.load(write(tmp_path, SMALLEST + CAMERA + f'scheme = "{scheme}"'))
    assert loaded.cameras["gate"].port == port


def test_replay_folders_are_meant_from_the_site_files_folder(tmp_path: Path) -> None:
    """None is the default: then no file is played."""
    assert site.load(write(tmp_path, SMALLEST)).ingest.replay_folders == ()
    loaded = site.load(write(tmp_path, SMALLEST + '[ingest]\nreplay_folders = ["films", "/srv/films"]'))
    assert loaded.ingest.replay_folders == (tmp_path / "films", Path("/srv/films"))


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    """Mending one problem does not reveal the next."""
    with pytest.raises(refusals.SiteRefused) as refused:
        site.load(write(tmp_path, "[api]\nport = 0\nprot = 1\n[databse]\n"))
    assert [problem.key for problem in refused.value.problems] == ["state_dir", "api.prot", "databse"]


@pytest.mark.parametrize(("key", "value"), [("password", "7"), ("password", "'" + "x" * 2000 + "'")])
def test_a_refused_password_is_not_shown(tmp_path: Path, key: str, value: str) -> None:
    """What goes to a log holds no secret."""
    message = refuse(tmp_path, CAMERA + f"{key} = {value}")
    assert message.startswith("site.toml: cameras.gate.password: needs ")
    assert "has" not in message.split("needs")[1].replace("have", "")


@pytest.mark.parametrize("content", [b"a = = 1", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """Garbage is named as such, with no traceback."""
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"\(file\)"):
        site.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """So is a path that leads nowhere."""
    with pytest.raises(ConfigError, match="cannot be read"):
        site.load(tmp_path / "absent.toml")


def with_every_key(text: str) -> str:
    """Turn `# key = value` into `key = value`."""
    return re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)


def keys_missing(schema: type[BaseModel], said: Any, path: str = "") -> list[str]:
    missing = []
    for name, field in schema.model_fields.items():
        here = f"{path}.{name}" if path else name
        if name not in said:
            missing.append(here)
            continue
        inner = refusals.section_of(field.annotation)
        if inner is None:
            continue
        things = said[name].items() if refusals.is_table(field.annotation) else [("", said[name])]
        for key, thing in things:
            missing += keys_missing(inner, thing, f"{here}.{key}" if key else here)
    return missing


def test_example_names_every_key() -> None:
    """A key that the schema has and the example lacks would be known to nobody."""
    assert keys_missing(Site, tomllib.loads(with_every_key(EXAMPLE.read_text("utf-8")))) == []


@pytest.mark.parametrize("edit", [str, with_every_key])
def test_example_is_accepted(edit: Any, tmp_path: Path) -> None:
    """As shipped, and with every optional key switched on."""
    site.load(write(tmp_path, edit(EXAMPLE.read_text("utf-8"))))


def test_example_shows_the_defaults(tmp_path: Path) -> None:
    """What the example says about the parts is what happens without it."""
    shown = site.load(EXAMPLE)
    silent = site.load(write(tmp_path, SMALLEST))
    for part in ("database", "broker", "api", "ingest", "analytics", "alarms", "retention"):
        assert getattr(shown, part) == getattr(silent, part), part


def secrets() -> DemoSecrets:
    return DemoSecrets(
        camera_port=8554,
        camera_username="demo",
        camera_password="p" * 20,
        publish_token="t" * 30,
        unit_secrets=dict.fromkeys(unit_ids(), "s" * 20),
    )


def test_demo_site_has_cameras_units_and_patrols(tmp_path: Path) -> None:
    """The demo is a site like any other, reachable from this machine only."""
    demo = site.demo(tmp_path, secrets())
    assert set(demo.cameras) == {"gate", "square", "community"}
    assert len(demo.units) == 20
    assert demo.ingest.allowed_networks == ("127.0.0.0/8",)
    assert all(demo.cameras[name].zones and demo.cameras[name].tripwires for name in ("gate", "square"))
    assert demo.cameras["community"].scheme == "whip"
    assert "p" * 20 not in repr(demo)
    assert "s" * 20 not in repr(demo)
    assert "t" * 30 not in repr(demo)


def test_named_servers_need_no_runtime_file(tmp_path: Path) -> None:
    """A site that names its servers is complete by itself."""
    named = site.load(write(tmp_path, SMALLEST + '[database]\ndsn="host=db"\n[broker]\nurl="mqtts://b.example"'))
    assert named.dsn == "host=db"
    assert (named.broker_link.host, named.broker_link.port, named.broker_link.tls) == ("b.example", 8883, True)


def test_embedded_servers_are_read_from_the_runtime_file(tmp_path: Path) -> None:
    """Core finds what `alertwall run` started; before that it is told to try again later."""
    loaded = site.load(write(tmp_path, SMALLEST))
    with pytest.raises(NotReady):
        _ = loaded.dsn
    with pytest.raises(NotReady):
        _ = loaded.internal_token
    loaded.state_dir.mkdir()
    (loaded.state_dir / "internal.token").write_text("token\n")
    (loaded.state_dir / "runtime.json").write_text(
        '{"dsn": "host=/run/x", "broker": {"host": "127.0.0.1", "port": 1883, "username": "core", "password": "x"}}'
    )
    assert loaded.dsn == "host=/run/x"
    assert loaded.broker_link.embedded
    assert loaded.internal_token == "token"


def test_a_camera_says_when_it_is_recorded(tmp_path: Path) -> None:
    """Always, five seconds before and ten after, unless said otherwise; no minimum above the maximum."""
    text = '[areas]\ncity = "City"\n[cameras.gate]\nname = "Gate"\narea = "city"\nhost = "10.0.0.1"\n'
    gate = site.load(write(tmp_path, SMALLEST + text)).cameras["gate"]
    assert (gate.record_mode, gate.record_pre_s, gate.record_post_s, gate.min_retention_days) == (
        "continuous",
        5,
        10,
        1,
    )
    gate = site.load(write(tmp_path, SMALLEST + text + 'record_mode = "motion"\nrecord_pre_s = 0\n')).cameras["gate"]
    assert (gate.record_mode, gate.record_pre_s) == ("motion", 0)
    assert "min_retention_days" in refuse(tmp_path, text + "retention_days = 2\nmin_retention_days = 3\n")
    assert "record_post_s" in refuse(tmp_path, text + "record_post_s = 61\n")
