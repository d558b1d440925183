"""On which line every key of a TOML document stands.

The standard parser gives values without positions, so this scanner walks the same text for the keys alone. It is only
ever given text that the parser has accepted: it need not find errors, and it never decides what a value is.
Invariant: for a valid document the keys found are exactly the keys of the parsed document (a property test holds it to that).
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping

from rolloutctl.constraints import Key

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> Mapping[Key, int]:
    """1-based lines of all keys of a valid document: tables at their header, array items where they begin."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._lines: dict[Key, int] = {}
        self._arrays: dict[Key, int] = {}

    def run(self) -> Mapping[Key, int]:
        table: Key = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return self._lines
            if self._peek("[["):
                table = self._header(2)
            elif self._peek("["):
                table = self._header(1)
            else:
                self._pair(table)

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _note(self, key: Key, line: int) -> None:
        self._lines.setdefault(key, line)

    def _header(self, brackets: int) -> Key:
        line = self._line()
        self._at += brackets
        *outer, last = self._dotted()
        self._skip(_SPACE)
        self._at += brackets
        table: Key = ()
        for part in outer:
            table = self._newest((*table, part))
            self._note(table, line)
        table = (*table, last)
        if brackets == 2:
            self._note(table, line)
            self._arrays[table] = self._arrays.get(table, 0) + 1
            table = self._newest(table)
        # `[a]` may come after `[a.b]`: its own header is the better place.
        self._lines[table] = line
        return table

    def _newest(self, table: Key) -> Key:
        count = self._arrays.get(table)
        return table if count is None else (*table, count - 1)

    def _dotted(self) -> Iterator[str]:
        while True:
            self._skip(_SPACE)
            yield self._name()
            self._skip(_SPACE)
            if not self._peek("."):
                return
            self._at += 1

    def _name(self) -> str:
        if self._peek('"'):
            return str(tomllib.loads(f"name = {self._skip(_BASIC)}")["name"])
        if self._peek("'"):
            return self._skip(_LITERAL)[1:-1]
        return self._skip(_BARE)

    def _pair(self, table: Key) -> None:
        line = self._line()
        key = table
        for part in self._dotted():
            key = (*key, part)
            self._note(key, line)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(key)

    def _value(self, key: Key) -> None:
        for opening, pattern in (('"""', _LONG_BASIC), ("'''", _LONG_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self._peek(opening):
                self._skip(pattern)
                return
        if self._peek("["):
            self._array(key)
        elif self._peek("{"):
            self._inline_table(key)
        else:
            self._skip(_SCALAR)

    def _array(self, key: Key) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self._peek("]"):
                break
            if self._peek(","):
                self._at += 1
                continue
            self._note((*key, index), self._line())
            self._value((*key, index))
            index += 1
        self._at += 1

    def _inline_table(self, key: Key) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._peek("}"):
                break
            if self._peek(","):
                self._at += 1
                continue
            self._pair(key)
        self._at += 1
