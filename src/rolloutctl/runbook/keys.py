"""Which keys of a runbook are cosmetic: the one table that decides what a rehearsal is bound to.

Everything that can change what is done, asked, measured or demanded is EXEC; COSMETIC is what people read about it, no more.
Every key of every model stands here once; a key that does not is refused when the digest is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel

from rolloutctl.runbook import http, model, params, steps


class KeyClass(StrEnum):
    EXEC = "exec"
    """Part of what is rehearsed: an edit makes the runbook EDITED."""
    COSMETIC = "cosmetic"
    """For readers alone: an edit changes nothing."""


def _keys(exec_keys: str, cosmetic: str = "") -> Mapping[str, KeyClass]:
    return dict.fromkeys(exec_keys.split(), KeyClass.EXEC) | dict.fromkeys(cosmetic.split(), KeyClass.COSMETIC)


_STEP = "id group confirm critical on_failure on_unknown timeout type"
_REQUEST = "path query headers follow_redirects method"

KEYS: Mapping[type[BaseModel], Mapping[str, KeyClass]] = {
    model.Runbook: _keys("format id objective rehearsal params defaults preflight steps after", "title owner when"),
    model.Objective: _keys("time_to_rollback start stop"),
    model.Rehearsing: _keys("policy max_age within_objective"),
    model.Defaults: _keys("timeout max_body ask_timeout"),
    model.After: _keys("recovered not_recovered"),
    params.Param: _keys("type required default pattern choices", "title"),
    steps.FlagStep: _keys(f"{_STEP} set", "title"),
    steps.FlagSet: _keys("off snapshot audiences percent"),
    steps.HttpStep: _keys(f"{_STEP} adapter effect request expect retry max_body readback undo", "title"),
    steps.CheckStep: _keys(f"{_STEP} promql source guard pass hold every within max_sample_age sets", "title"),
    steps.Bound: _keys("op value"),
    steps.Guard: _keys("promql op value"),
    steps.AlertStep: _keys(
        f"{_STEP} action source alert labels silence lasts comment every within hold sets",
        "title",
    ),
    steps.NotifyStep: _keys(f"{_STEP} channel text urgency matter", "title"),
    steps.ManualStep: _keys(f"{_STEP} instructions proof within", "title"),
    steps.Proof: _keys("prompt kind min_length"),
    steps.WaitStep: _keys(f"{_STEP} for", "title"),
    http.Request: _keys(f"{_REQUEST} json"),
    http.ReadRequest: _keys(_REQUEST),
    http.Expect: _keys("status json text"),
    http.JsonExpect: _keys("path equals one_of exists"),
    http.Retry: _keys("attempts backoff max_backoff on"),
    http.Readback: _keys("request expect"),
    http.Undo: _keys("request expect readback"),
}


def class_of_key(model_of_key: type[BaseModel], key: str) -> KeyClass:
    """Raises KeyError for a key that the table does not class."""
    return KEYS[model_of_key][key]
