"""`python -m bench [NAME…] [--quick]`: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.registry import Run, benchmarks
from bench.report import Measured, load, markdown, save, table, today

_ROOT = Path(__file__).resolve().parents[1]
_KEPT = _ROOT / ".cache" / "benchmarks.json"
_PAGE = _ROOT / "docs" / "benchmarks.md"


def main() -> int:
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller measurements, nothing is written")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    # Ended from outside, it still takes its servers and folders with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    kept = load(_KEPT)
    for name in asked.names or known:
        print(f"{name} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="rolloutctl-bench-") as folder, ExitStack() as stack:
            run = Run(quick=asked.quick, folder=Path(folder), stack=stack)
            rows = known[name].measure(run)
            stack.close()
        kept[name] = Measured(date=today(), rows=tuple(rows), notes=tuple(run.notes))
        print(table(rows), *run.notes, sep="\n", flush=True)
        if not asked.quick:
            save(_KEPT, kept)
            _PAGE.write_text(markdown(known, kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
