"""What every edge that speaks HTTP has in common: clients, one exchange, credentials, retries, hints to wait, clean words.

httpx is loaded here, once for all of them, and without its own command line: an optional part that it loads where it finds
the libraries for it, and leaves out where it does not. It takes longer than all the rest of httpx, and a rollback waits.
"""

import sys

if "httpx" not in sys.modules:
    # Python's way to say that a module is not to be found.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    import httpx  # noqa: F401

    del sys.modules["httpx._main"]
