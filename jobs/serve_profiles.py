"""Answers for backends over HTTP: profiles of creators and contents, and the taxonomy, from the tables; no Spark."""

from __future__ import annotations

import ipaddress
import os

from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, Serving
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.command import JobResult, exit_without_tables
from linnaeus.runtime.delta_reader import Refresher, Watched
from linnaeus.runtime.http_server import address_of, listen, serve
from linnaeus.serving.app import Sources, create_app
from linnaeus.serving.contents import Contents
from linnaeus.serving.creators import CreatorIndex


def main(config: Config) -> JobResult:
    """Serve until SIGINT or SIGTERM. Raises ConfigurationError where no key is set, or the port is taken."""
    settings = config.serving
    key = _key(settings)
    creators = Watched(tables.CREATOR_PROFILES, config, lambda stored: CreatorIndex(stored.all()))
    contents = Watched(
        tables.CONTENT_PROFILES, config, lambda stored: Contents(stored, most_kept=settings.cached_contents)
    )
    app = create_app(Sources(creators, contents, config.read_taxonomy()), settings, key)
    with listen(settings.host, settings.port) as listening, Refresher([creators, contents], settings.refresh_seconds):
        where = address_of(listening)
        n_requests = serve(app, listening, lambda: print(f"serving on {where}, described at {where}/docs", flush=True))
    return JobResult(details={"requests": f"{n_requests}"})


def _key(settings: Serving) -> str | None:
    """The key that callers have to send. Raises ConfigurationError where none is set and one is needed."""
    key = os.environ.get(settings.key_variable, "").strip()
    if key:
        return key
    if not settings.require_key and _is_this_machine(settings.host):
        return None
    raise ConfigurationError(
        f"no API key: set the environment variable {settings.key_variable} (serving.key_variable); without one only "
        f"this machine may be served (serving.host=127.0.0.1 with serving.require_key=false), and serving.host is "
        f"{settings.host}, serving.require_key {str(settings.require_key).lower()}"
    )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def command() -> None:
    """Entry point of the wheel."""
    exit_without_tables("serve_profiles", main)


if __name__ == "__main__":
    command()
