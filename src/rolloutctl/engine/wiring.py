"""The one place that builds adapters from the config. Heavy libraries load when first needed, inside the adapters."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from rolloutctl.config import Adapter as AdapterSettings
from rolloutctl.config import Channel as ChannelSettings
from rolloutctl.config import PrometheusSource, Secret, UnleashProvider
from rolloutctl.engine.config.secrets import Scrubber, read_secret
from rolloutctl.engine.config.settings import Settings, journal_path
from rolloutctl.engine.looking.late_source import LateSource
from rolloutctl.engine.opening import author, fallback_path, open_journal
from rolloutctl.engine.options import Drives, EngineOptions, Prompts
from rolloutctl.engine.world.clock import SystemClock
from rolloutctl.engine.world.journal_thread import JournalThread
from rolloutctl.engine.world.late import Late
from rolloutctl.engine.world.world import SourceTimes, World
from rolloutctl.model.events import KIND_OF, Body, body_json
from rolloutctl.policy.permission import may_drive
from rolloutctl.ports import Adapter, Channel, Clock, Provider, Signer, Source

if TYPE_CHECKING:  # turning a flag off needs adapters, and no engine
    from rolloutctl.engine.cards.keeper import Keeper
    from rolloutctl.engine.thread import EngineThread


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says besides the config."""

    settings: Settings
    drives: Drives = Drives.NONE
    named: frozenset[str] = frozenset()
    read_only: bool = False
    poll: bool = True
    notice: str = ""
    prompts: Prompts = Prompts.NEVER
    """Whether a passphrase may be asked for at the terminal, when something is signed."""


def open_world(settings: Settings, prompts: Prompts = Prompts.NEVER) -> World:
    """Must be called on the loop that will use the adapters. Opens nothing yet but files that secrets stand in."""
    config, clock, who = settings.config, SystemClock(), author(settings.config)
    known = _Secrets()
    sources: Mapping[str, Source] = {name: _source(source, known.read) for name, source in config.sources.items()}
    providers: Mapping[str, Provider] = {name: _provider(provider, known.read) for name, provider in config.providers.items()}
    adapters = Late({name: partial(_adapter, adapter, known.read, clock) for name, adapter in config.adapters.items()})
    alertmanagers = Late(
        {
            name: partial(_adapter, _alertmanager(source, source.alertmanager), known.read, clock)
            for name, source in config.sources.items()
            if source.alertmanager is not None
        }
    )
    channels = Late({name: partial(_channel, channel, known.read, clock) for name, channel in config.channels.items()})

    def fallback(body: Body) -> Path:
        from rolloutctl.journal.fallback import FallbackFile

        file = FallbackFile(fallback_path(settings))
        file.write(KIND_OF[type(body)], known.scrub(body_json(body)), clock.now(), who.actor, who.host)
        return file.path

    return World(
        config=config,
        journal=JournalThread(lambda: open_journal(settings)),
        sources=sources,
        providers=providers,
        adapters=adapters,
        channels=channels,
        alertmanagers=alertmanagers,
        clock=clock,
        time=SourceTimes(clock),
        author=who,
        fallback=fallback,
        scrub=known.scrub,
        signer=_signer(config.operator.signing_key, prompts),
    )


class _Secrets:
    """Reads a secret when it is used, and remembers what has to be taken out of every text."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._scrubber = Scrubber(())

    def read(self, secret: Secret) -> str:
        value = read_secret(secret)
        if value not in self._seen:
            self._seen.add(value)
            self._scrubber = Scrubber(self._seen)
        return value

    def scrub(self, text: str) -> str:
        return self._scrubber(text)


def engine_options(options: Options) -> EngineOptions:
    config = options.settings.config
    return EngineOptions(
        drives=Drives.NONE if options.read_only or may_drive(config, author(config).actor) else options.drives,
        holder=f"{author(config).actor}@{socket.gethostname()}:{os.getpid()}",
        named=options.named,
        read_only=options.read_only,
        poll=options.poll,
        notice=options.notice,
    )


def engine_thread(options: Options) -> EngineThread:
    """Not started yet. Handing over starts `rolloutctl drive` with the same config."""
    from rolloutctl.engine.thread import EngineThread

    files = [str(file) for file in options.settings.files]
    config_arguments = ["--config", files[-1]] if files else []
    drive = (sys.executable, "-m", "rolloutctl", *config_arguments, "drive")
    thread = EngineThread(lambda: open_world(options.settings, options.prompts), engine_options(options), drive)
    keeper = card_keeper(options.settings)
    if keeper is not None and not options.read_only:
        thread.subscribe(keeper.see)
        thread.at_end(keeper.leave)
    return thread


def card_keeper(settings: Settings) -> Keeper | None:
    """None: cards are kept beside a file, and the journal is on a server."""
    from rolloutctl.engine.cards.keeper import Keeper

    path = journal_path(settings)
    return Keeper(path, int(settings.config.journal.mode, 8), settings.digest) if path is not None else None


def _source(settings: PrometheusSource, secrets: Callable[[Secret], str]) -> Source:
    match settings:
        case PrometheusSource():

            def build() -> Source:
                from rolloutctl.metrics.prometheus import PrometheusSource as Prometheus

                return Prometheus(settings, secrets)

            return LateSource(_load_looking, build)
        case _:
            assert_never(settings)


def _signer(key_file: str | None, prompts: Prompts) -> Signer:
    from rolloutctl.signing.openssh import OpenSsh, tools

    return OpenSsh(Path(key_file) if key_file is not None else None, tools(), asks=prompts is Prompts.TERMINAL)


def _load_looking() -> None:
    """What it takes to ask a source and to judge its answer, loaded off the loop that drives."""
    for module in ("rolloutctl.metrics.prometheus", "rolloutctl.judge.judge", "rolloutctl.judge.exposure"):
        import_module(module)


def _adapter(settings: AdapterSettings, secrets: Callable[[Secret], str], clock: Clock) -> Adapter:
    from rolloutctl.adapters.http import HttpAdapter

    return HttpAdapter(settings, secrets, clock)


def _alertmanager(source: PrometheusSource, url: str) -> AdapterSettings:
    """As the config says: asked with its source's credentials."""
    return AdapterSettings(
        url=url,
        headers=source.headers,
        auth=source.auth,
        tls=source.tls,
        timeout=source.timeout,
        connect_timeout=source.connect_timeout,
    )


def _channel(settings: ChannelSettings, secrets: Callable[[Secret], str], clock: Clock) -> Channel:
    from rolloutctl.channels.build import build

    return build(settings, secrets, clock)


def _provider(settings: UnleashProvider, secrets: Callable[[Secret], str]) -> Provider:
    match settings:
        case UnleashProvider():
            from rolloutctl.flags.unleash import UnleashProvider as Unleash

            return Unleash(settings, secrets, SystemClock())
        case _:
            assert_never(settings)
