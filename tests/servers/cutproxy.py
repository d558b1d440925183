"""A TCP proxy that cuts a connection at a chosen moment: when a text passes from the client, before or after it is sent on."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from enum import StrEnum


class Cut(StrEnum):
    REQUEST = "the request is lost"
    """What the client sent never arrives."""
    ANSWER = "the answer is lost"
    """It arrives, is answered, and the answer never comes back."""


class CutProxy:
    """At 127.0.0.1:`port`, in front of 127.0.0.1:`target`. `cut_at` arms it for once; `refuse` takes no connections."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refuse = False
        self.cuts = 0
        self._armed: tuple[bytes, Cut] | None = None
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_at(self, text: bytes, how: Cut) -> None:
        self._armed = (text, how)

    def cut_all(self) -> None:
        """Every connection there is, now."""
        for each in list(self._open):
            _hang_up(each)

    def close(self) -> None:
        _hang_up(self._listener)
        self.cut_all()
        self._thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse:
                _hang_up(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            _hang_up(client)
            return
        self._open |= {client, server}
        silent = threading.Event()
        back = threading.Thread(target=self._back, args=(server, client, silent), daemon=True)
        back.start()
        self._forth(client, server, silent)
        back.join(5)
        self._open -= {client, server}

    def _forth(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                armed = self._armed
                if armed is not None and armed[0] in data:
                    self._armed = None
                    self.cuts += 1
                    if armed[1] is Cut.REQUEST:
                        break
                    silent.set()
                server.sendall(data)
        _hang_up(client)
        _hang_up(server)

    @staticmethod
    def _back(server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if silent.is_set():
                    break
                client.sendall(data)
        _hang_up(client)
        _hang_up(server)


def _hang_up(which: socket.socket) -> None:
    with contextlib.suppress(OSError):
        which.shutdown(socket.SHUT_RDWR)
    which.close()


@contextlib.contextmanager
def cut_proxy(target: int) -> Iterator[CutProxy]:
    proxy = CutProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
