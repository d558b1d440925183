"""A server that answers after a while, as a process of its own: `python -m bench.slow_server SECONDS`. One line: its URL.

It keeps what was put under a path and gives it back. It ends when its standard input closes.
"""

from __future__ import annotations

import sys
import time

from rolloutctl.demo.http import LoopbackServer, Request, Response, json_response


class Kept:
    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._values: dict[str, bytes] = {}

    def answer(self, request: Request) -> Response:
        if self._delay_s:
            time.sleep(self._delay_s)
        if request.method == "PUT":
            self._values[request.path] = request.body
        value = self._values.get(request.path)
        return Response(200, value, "application/json") if value is not None else json_response(404, {"message": "nothing"})


def main() -> int:
    with LoopbackServer(Kept(float(sys.argv[1])).answer) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
