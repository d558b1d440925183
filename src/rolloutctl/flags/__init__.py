"""Flag providers: each turns a cohort into one control plane's own calls, and reports honestly what came of it."""

from rolloutctl import wire as _wire  # noqa: F401 - before httpx, of which it leaves out a slow part
