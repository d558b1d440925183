"""`rolloutctl`: what only needs text is answered at once; everything else loads the commands."""

from __future__ import annotations

import sys

from rolloutctl.cli.toplevel import answer_early


def main() -> None:
    arguments = sys.argv[1:]
    text = answer_early(arguments)
    if text is not None:
        from rolloutctl.cli.out import put

        put(text)
        sys.exit(0)
    from rolloutctl.cli.app import run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main()
