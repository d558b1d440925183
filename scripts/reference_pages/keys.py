"""Keys of the screen, from the bindings that every screen, list and dialog declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import walk_packages

from textual.binding import Binding

import rolloutctl.tui
from reference_pages.markdown import code, page, table
from rolloutctl.keymap import DEFAULTS
from rolloutctl.tui.draw.keys import conventions

_TITLES = {
    "RolloutApp": "Everywhere",
    "BaseScreen": "Every screen",
    "FleetScreen": "Fleet",
    "RolloutScreen": "Rollout",
    "Table": "Lists",
    "JournalScreen": "Journal",
    "PageScreen": "Pages of text: explain, an event, help, command log",
    "Dialog": "Dialogs",
    "QuitDialog": "Quitting while you drive",
}
"""What people call the places, in the order of the page; a place that is not here is called by its class."""
_SHOWN = {
    "escape": "esc",
    "enter": "↵",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "exclamation_mark": "!",
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
}


def keys_page() -> str:
    intro = """Lower case looks, upper case changes something. `?` on the screen lists the keys of where you are,
and says of each that is not possible now why not. What has an id can have another key: `[ui.keys]` in the config, such as
`keys = { "rollout.explain" = "x" }`; `[ui.keys]` keeps to the rules at the end of this page."""
    found = dict(_places())
    order = [*(name for name in _TITLES if name in found), *sorted(found.keys() - _TITLES.keys())]
    parts = [f"## {_title(name)}\n\n{_table(found[name])}" for name in order]
    parts.append("## Rules\n\n" + "\n".join(f"- {rule}" for rule in conventions(DEFAULTS) if "[ui.keys]" not in rule))
    return page("Keys", intro, parts)


def _places() -> Iterator[tuple[str, list[Binding]]]:
    for module in walk_packages(rolloutctl.tui.__path__, "rolloutctl.tui."):
        loaded = import_module(module.name)
        for name, value in sorted(vars(loaded).items()):
            if isinstance(value, type) and value.__module__ == module.name and value.__dict__.get("BINDINGS"):
                yield name, _merged(Binding.make_bindings(value.__dict__["BINDINGS"]))


def _merged(bindings: Iterable[Binding]) -> list[Binding]:
    """Several keys of one action are one line; the one with an id speaks for the others."""
    by_action: dict[str, list[Binding]] = {}
    for binding in bindings:
        by_action.setdefault(binding.action, []).append(binding)
    merged = []
    for several in by_action.values():
        speaks = next((binding for binding in several if binding.id), several[0])
        tooltip = speaks.tooltip or next((binding.tooltip for binding in several if binding.tooltip), "")
        shown = dict.fromkeys(_key(binding) for binding in sorted(several, key=lambda binding: binding.id is None))
        merged.append(Binding("", speaks.action, speaks.description, tooltip=tooltip, id=speaks.id, key_display="\0".join(shown)))
    return merged


def _key(binding: Binding) -> str:
    return binding.key_display or _SHOWN.get(binding.key, binding.key)


def _table(bindings: list[Binding]) -> str:
    rows = []
    for binding in bindings:
        keys = " ".join(code(key) for key in (binding.key_display or "").split("\0"))
        told = binding.tooltip or binding.description
        rows.append((keys, code(binding.id) if binding.id else "", told[:1].upper() + told[1:]))
    return table(("key", "id", "does"), rows)


def _title(name: str) -> str:
    return _TITLES.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Screen")).capitalize()
