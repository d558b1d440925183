"""Write docs/reference/, docs/pictures/ and config.example.toml from the code: models, bindings, commands, closed sets of words.

make docs-reference, or: python scripts/reference.py [--check]. With --check nothing is written; exit 1 says what is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))

from reference_pages.answers import answers_page  # noqa: E402 - they stand beside this script
from reference_pages.commands import commands_page  # noqa: E402
from reference_pages.diagrams import layers, loop  # noqa: E402
from reference_pages.example_config import example_config  # noqa: E402
from reference_pages.examples import examples_page  # noqa: E402
from reference_pages.keys import keys_page  # noqa: E402
from reference_pages.schemas import config_page, plan_page  # noqa: E402
from reference_pages.words import events_page, exit_codes_page, findings_page, states_page  # noqa: E402

FOLDER = "docs/reference"


def files() -> dict[str, str]:
    """Path below the repository's root -> text."""
    config = example_config()
    return {
        "config.example.toml": config,
        f"{FOLDER}/commands.md": commands_page(),
        f"{FOLDER}/config.md": config_page(),
        f"{FOLDER}/events.md": events_page(),
        f"{FOLDER}/examples.md": examples_page(ROOT, config),
        f"{FOLDER}/exit-codes.md": exit_codes_page(),
        f"{FOLDER}/findings.md": findings_page(),
        f"{FOLDER}/json.md": answers_page(),
        f"{FOLDER}/keys.md": keys_page(),
        f"{FOLDER}/plan.md": plan_page(),
        f"{FOLDER}/states.md": states_page(),
        "docs/pictures/layers.svg": layers(ROOT),
        "docs/pictures/loop.svg": loop(),
    }


def outdated() -> list[str]:
    """Files that are not as the code would have them."""
    return [name for name, text in files().items() if not (ROOT / name).is_file() or (ROOT / name).read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/reference.py [--check]", file=sys.stderr)
        return 2
    try:
        stale = outdated()
    except LookupError as lacking:
        print(f"the reference cannot be written: {lacking.args[0]}.", file=sys.stderr)
        return 1
    if arguments:
        if stale:
            print(f"out of date: {', '.join(stale)}. Run `make docs-reference`.", file=sys.stderr)
        return 1 if stale else 0
    texts = files()
    for name in stale:
        target = ROOT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(texts[name], encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
