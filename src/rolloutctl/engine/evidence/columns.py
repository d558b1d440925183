"""Columns of numbers as canonical JSON, exactly: whole numbers and milliseconds by difference, anything else as text.

Invariant: `numbers(column(values))` has the bits of `values`; a NaN comes back as the usual NaN. No number in it is a JSON float.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SCALES = (1, 1000)
"""Counts are whole, times are milliseconds."""
_MOST = 2.0**53


def column(values: Floats) -> dict[str, Any]:
    """{"x": scale, "d": differences of neighbours, the first one from 0}, or {"t": every number as text}."""
    for scale in _SCALES:
        whole = _whole(values, scale)
        if whole is not None:
            return {"x": scale, "d": np.diff(whole, prepend=0).tolist()}
    return {"t": [repr(value) for value in values.tolist()]}


def _whole(values: Floats, scale: int) -> NDArray[np.int64] | None:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(values * scale)
        if not (np.abs(scaled) < _MOST).all():
            return None
    found = scaled.astype(np.int64)
    back = found / scale
    same = (back == values).all() and not (np.signbit(values) & (values == 0)).any()
    return found if same else None


def numbers(stored: Mapping[str, Any]) -> Floats:
    """Raises KeyError, TypeError, ValueError or OverflowError for what is no column."""
    if "t" in stored:
        return np.array([float(text) for text in stored["t"]], dtype=np.float64)
    if stored["x"] not in _SCALES:
        msg = f"a column has the scale {stored['x']!r}"
        raise ValueError(msg)
    found: Floats = np.cumsum(np.array(stored["d"], dtype=np.int64)) / stored["x"]
    return found
