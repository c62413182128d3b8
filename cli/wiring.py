"""Settings and the composition root: flags over PHR_* over files over defaults; unknown keys are refused.

Files, later ones win: /etc/phr/phr.toml, ~/.config/phr/phr.toml, the file named by --config or PHR_CONFIG. Secrets
are never values, only names of files (`*_file`).
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from cli.exits import Exit
from cli.output import fail

if TYPE_CHECKING:
    from engine.sealing import Seal
    from engine.store.database import Engine


class MqttSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is: `mqtt://host:port` or `mqtts://host:port`; None means the embedded one.

    `protocol` auto tries MQTT 5 first; 3.1.1 skips that for a broker known not to speak it.
    """

    url: str | None = None
    protocol: Literal["auto", "3.1.1"] = "auto"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class GatewaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this gateway is; `adapter` such as hci0 or hci0,hci1, None for all. `scan`: see `gateway.radio_passive`."""

    id: str | None = None
    household: str | None = None
    adapter: str | None = None
    scan: Literal["auto", "active", "passive"] = "auto"
    zone: str = "Asia/Tokyo"


class MirrorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The home's own broker, where mirrors and room sensors speak; None: there is none.

    `discover` takes in Home Assistant's discovery messages as proposals, `announce` publishes our own.
    """

    url: str | None = None
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    discover: bool = False
    announce: bool = False


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine's database URL (None: SQLite in PHR_HOME) and its broker account.

    `standing` lets standing approvals approve, `urgent_texts` lets signed urgent texts go out by themselves; both are
    off until the operator of a town says so. `learning` lets the learner log what it would choose (shadow), or choose
    among the allowed goals of those who agreed (on). `aside_days`: after so many office days (5 at least) a routine
    draft nobody read is set aside; None for never.
    """

    database: str | None = None
    username: str | None = None
    password_file: str | None = None
    city: bool = False
    shared: bool = False
    standing: bool = False
    urgent_texts: bool = False
    learning: Literal["off", "shadow", "on"] = "off"
    aside_days: Annotated[int, msgspec.Meta(ge=5)] | None = None


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the pages are served; port 0 takes a free one.

    `names` are more host names they are called by (comma-separated in the environment). `https` says that a proxy in
    front speaks TLS: cookies and browsers are told so, and `host` may be an address others reach.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    names: tuple[str, ...] | str = ()
    https: bool = False

    @property
    def called(self) -> tuple[str, ...]:
        """The host names of `names`, each once, in lower case."""
        listed = self.names.split(",") if isinstance(self.names, str) else self.names
        return tuple(dict.fromkeys(name.strip().lower() for name in listed if name.strip()))


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How residents are told that there is a message; what is not set is not used.

    `base` is the pages' address as residents reach it (https://phr.example.jp). `smtp` is smtps://host or smtp://host
    (STARTTLS); `smtp_plain` allows a server of this machine without TLS. `push_contact` (mailto: or https:) turns web
    push on. `line_api` is only for a stand-in.
    """

    base: str | None = None
    smtp: str | None = None
    smtp_from: str | None = None
    smtp_username: str | None = None
    smtp_password_file: str | None = None
    smtp_ca_file: str | None = None
    smtp_plain: bool = False
    line_token_file: str | None = None
    line_secret_file: str | None = None
    line_api: str | None = None
    push_contact: str | None = None


class BridgeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The medical network's FHIR R4 address and our account there; without `url` nothing is exchanged.

    `name` is the recipient residents consent to. `key_file` is the private key (PEM, P-384 or RSA) of SMART Backend
    Services, `key_id` its name in our published key set; `cert_file` and `cert_key_file` are for mutual TLS. `system`
    is the identifier system of its patient numbers. `test_patients` (comma-separated patient numbers) lets only those
    be exchanged. `outbox` is a folder for files to members without FHIR.
    """

    url: str | None = None
    name: str = "choukai-net"
    client_id: str | None = None
    key_file: str | None = None
    key_id: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    cert_key_file: str | None = None
    system: str = "urn:minato-phr:choukai-net"
    test_patients: str = ""
    outbox: str | None = None


class PlatformSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The city's data-linkage platform (NGSIv2); without `url` releases are prepared and written as files only.

    `token_url` is its OAuth2 token endpoint, `secret_file` holds the client's secret. `service` is the tenant, `path`
    the service path; `linked` speaks NGSI-LD instead, with `context` the address of our own context. `dataset_url`,
    `licence` and `contact` stand in the catalogue.
    """

    url: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    secret_file: str | None = None
    ca_file: str | None = None
    service: str = "sakata"
    path: str = "/phr/stats"
    linked: bool = False
    context: str | None = None
    dataset_url: str | None = None
    licence: str = "CC-BY-4.0"
    contact: str | None = None


class OneIdSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The city's identity provider (OpenID Connect); without `issuer` residents sign in by code and card only.

    `secret_file` holds the client's secret, None for a public client. `card` is the `acr` value that says somebody
    signed in with their card: asked for before consents are changed.
    """

    issuer: str | None = None
    client_id: str | None = None
    secret_file: str | None = None
    ca_file: str | None = None
    card: str | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured, with its default."""

    home: str = ""
    lang: str = ""
    mqtt: MqttSettings = MqttSettings()
    gateway: GatewaySettings = GatewaySettings()
    mirror: MirrorSettings = MirrorSettings()
    engine: EngineSettings = EngineSettings()
    web: WebSettings = WebSettings()
    notify: NotifySettings = NotifySettings()
    bridge: BridgeSettings = BridgeSettings()
    platform: PlatformSettings = PlatformSettings()
    one_id: OneIdSettings = OneIdSettings()

    @property
    def root(self) -> Path:
        """PHR_HOME as a path."""
        return Path(self.home)

    @property
    def database_url(self) -> str:
        """The engine's database; SQLite in PHR_HOME unless configured."""
        return self.engine.database or f"sqlite:///{self.root / 'engine.sqlite'}"


def settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The effective settings; fails with exit code 10 when a file is unreadable or holds an unknown key."""
    env = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    named = config or (Path(env["PHR_CONFIG"]) if env.get("PHR_CONFIG") else None)
    places = [Path("/etc/phr/phr.toml"), Path(env.get("HOME", "/")) / ".config/phr/phr.toml"]
    for path in [*(place for place in places if place.exists()), *([named] if named else [])]:
        _merge(merged, _read(path))
    _merge(merged, _from_environment(env))
    merged.setdefault("home", str(Path(env.get("HOME", "/")) / ".local/share/phr"))
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        fail(Exit.CONFIGURATION, "bad-setting", f"configuration: {error}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail(Exit.CONFIGURATION, "bad-config-file", f"cannot read {path.name}: {error}")


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """PHR_HOME, PHR_LANG and PHR_<SECTION>_<KEY>, e.g. PHR_MQTT_URL or PHR_ENGINE_DATABASE."""
    found: dict[str, Any] = {}
    for section in ("home", "lang"):
        if env.get(f"PHR_{section.upper()}"):
            found[section] = env[f"PHR_{section.upper()}"]
    shapes: dict[str, type[msgspec.Struct]] = {
        "mqtt": MqttSettings, "gateway": GatewaySettings, "mirror": MirrorSettings, "engine": EngineSettings,
        "web": WebSettings, "notify": NotifySettings, "bridge": BridgeSettings,
        "platform": PlatformSettings, "one_id": OneIdSettings,
    }  # fmt: skip
    for section, shape in shapes.items():
        for key in shape.__struct_fields__:
            value = env.get(f"PHR_{section}_{key}".upper())
            if value:
                found.setdefault(section, {})[key] = value
    return found


def ensure_home(config: Settings) -> Path:
    """PHR_HOME, made with mode 0700 if it is not there."""
    try:
        config.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        fail(Exit.CONFIGURATION, "home", f"cannot make the data folder: {error.strerror}")
    return config.root


def secret(path: str | None) -> str | None:
    """The secret in a file; fails when the file is missing or readable by others."""
    if path is None:
        return None
    place = Path(path)
    try:
        if place.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            fail(Exit.CONFIGURATION, "secret-exposed", f"{place.name} can be read by everybody: chmod 600")
        return place.read_text(encoding="utf-8").strip()
    except OSError as error:
        fail(Exit.CONFIGURATION, "secret-missing", f"cannot read {place.name}: {error.strerror}")


def open_store(config: Settings) -> Engine:
    """The engine's database, migrated to the newest revision."""
    from engine.store.database import StoreError, migrate, open_engine

    ensure_home(config)
    try:
        engine = open_engine(config.database_url)
        migrate(engine)
    except StoreError as error:
        fail(Exit.DAMAGED if error.code == "damaged" else Exit.CONFIGURATION, error.code, str(error))
    return engine


def open_seal(config: Settings) -> Seal:
    """The seal of PHR_HOME, its key made if there is none; exit code 10 when the key cannot be read."""
    from engine.sealing import seal_of

    try:
        return seal_of(ensure_home(config))
    except (OSError, ValueError) as error:
        fail(Exit.CONFIGURATION, "key", f"PHR_HOME/web/key cannot be read: {error}")


def language(config: Settings) -> str:
    """Ja or en: --lang or PHR_LANG, else the locale of the terminal."""
    wish = config.lang or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "en"
    return "ja" if wish.lower().startswith("ja") else "en"
