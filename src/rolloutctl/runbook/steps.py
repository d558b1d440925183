"""The steps of a runbook: one frozen model per type, told apart by `type`.

Defaults that depend on something are None here and resolved by a property or by `Runbook`, each rule documented at its field.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self, assert_never

from pydantic import Field, WithJsonSchema, model_validator

from rolloutctl.constraints import Misfit, Misfits
from rolloutctl.model.cohort import OFF, Cohort
from rolloutctl.model.fields import Duration, Number, Percent, Size
from rolloutctl.model.message import Matter, Urgency
from rolloutctl.runbook.fields import ConfirmOf, Count, Model, Name, PromQL, Said, Switch, Templated
from rolloutctl.runbook.http import Effect, Expect, Readback, Request, Retry, RetryOn, Undo

_DECIMAL = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"


class OnFailure(StrEnum):
    """What a failed step does to the run."""

    STOP = "stop"
    """The run stops; it can be resumed."""
    CONTINUE = "continue"
    """The run goes on."""
    ASK = "ask"
    """A person says."""


class OnUnknown(StrEnum):
    """What the run does when nobody could tell whether a step happened."""

    ASK = "ask"
    """A person looks and says."""
    STOP = "stop"
    """The run stops; it can be resumed."""
    CONTINUE = "continue"
    """The run goes on."""


class Op(StrEnum):
    """How a value is compared."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EQUAL = "=="
    UNEQUAL = "!="

    def holds(self, value: Decimal, bound: Decimal) -> bool:
        """Whether the value, which must be finite, stands to the bound as this says."""
        match self:
            case Op.LESS:
                return value < bound
            case Op.AT_MOST:
                return value <= bound
            case Op.MORE:
                return value > bound
            case Op.AT_LEAST:
                return value >= bound
            case Op.EQUAL:
                return value == bound
            case Op.UNEQUAL:
                return value != bound
            case never:
                assert_never(never)


class _Step(Model):
    id: Name
    """Short name, unique in the runbook; part of the idempotency key."""
    title: Templated = ""
    """What people read; default: the id."""
    group: Name | None = None
    """Neighbours with the same group run together and are all awaited."""
    confirm: ConfirmOf = Field(default="none", validate_default=True)
    """What is asked before it when the run was started by hand: none, enter, type:TEXT or second_person."""
    critical: Switch = True
    """The rollback is not done without it. Without it (false) a failure by default changes nothing."""
    on_failure: OnFailure | None = None
    """stop, continue or ask. Default: stop where it is critical, continue where it is not."""
    on_unknown: OnUnknown | None = None
    """ask, stop or continue. Default: ask where it is critical, continue where it is not."""
    timeout: Duration | None = None
    """Of one request. Default: that of `[defaults]`."""
    changes: ClassVar[bool] = True
    """Whether a step of this type may change something outside."""

    @property
    def name(self) -> str:
        """What people read; may hold placeholders."""
        return self.title or self.id

    @property
    def when_failed(self) -> OnFailure:
        return self.on_failure or (OnFailure.STOP if self.critical else OnFailure.CONTINUE)

    @property
    def when_unknown(self) -> OnUnknown:
        return self.on_unknown or (OnUnknown.ASK if self.critical else OnUnknown.CONTINUE)

    @property
    def has_effect(self) -> bool:
        """It changes something outside, so what became of it must be known."""
        return self.changes


class FlagSet(Model):
    """What the flag is set to: one of the keys, or audiences with a percentage."""

    off: Literal[True] | None = None
    """Nobody gets the canary."""
    snapshot: Literal[True] | None = None
    """What the flag served before the rollout; by hand, before the run."""
    audiences: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)] = ()
    """Everybody in one of these."""
    percent: Percent | None = None
    """Share of the rest, 0 to 100, exact."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        cohort = self.percent is not None or bool(self.audiences)
        if [self.off is not None, self.snapshot is not None, cohort].count(True) != 1:
            raise ValueError("say one thing: { off = true }, { snapshot = true }, or { audiences = [...], percent = 5 }")
        return self

    def cohort(self, snapshot: Cohort | None) -> Cohort | None:
        """Who gets the canary afterwards, given the snapshot's cohort; None where the snapshot cannot be said as one."""
        if self.off:
            return OFF
        if self.snapshot:
            return snapshot
        return Cohort(audiences=self.audiences, percent=self.percent or Fraction(0))


class FlagStep(_Step):
    """Changes the rollout's flag through its provider: effect, read-back and undo are known."""

    type: Literal["flag"]
    """Which kind of step."""
    target: FlagSet = Field(alias="set")
    """What the flag is set to."""


class HttpStep(_Step):
    """Sends one request through an adapter."""

    type: Literal["http"]
    """Which kind of step."""
    adapter: Name
    """`[adapters.NAME]` in the config: address, TLS, authentication, limits."""
    effect: Effect
    """What sending it once more does: read, idempotent, keyed or once."""
    request: Request
    """What is sent."""
    expect: Expect
    """What the answer must be."""
    retry: Retry | None = None
    """When it is sent again. Default: never."""
    max_body: Size | None = None
    """More of an answer is not read. Default: that of `[defaults]`."""
    readback: Readback | None = None
    """How to see whether it has happened; needed where the effect is idempotent or keyed."""
    undo: Undo | None = None
    """How it is undone."""

    @property
    def has_effect(self) -> bool:
        return self.effect is not Effect.READ

    @model_validator(mode="after")
    def _fits_its_effect(self) -> Self:
        misfits: list[Misfit] = []
        if self.effect in {Effect.IDEMPOTENT, Effect.KEYED} and self.readback is None:
            remedy = "Add a `readback` with a request that only reads, and what it gives when the step has happened."
            misfits.append(Misfit(("readback",), f'step "{self.id}" is {self.effect}, and cannot be read back', remedy))
        if self.effect is Effect.ONCE and self.on_unknown is None:
            remedy = 'Add on_unknown = "ask", "stop" or "continue".'
            sentence = f'step "{self.id}" must not be sent twice, and does not say what an unknown outcome does'
            misfits.append(Misfit(("on_unknown",), sentence, remedy))
        if self.effect is Effect.ONCE and self.retry is not None and set(self.retry.on) - {RetryOn.CONNECT}:
            sentence = f'step "{self.id}" must not be sent twice, so it is retried only where nothing was sent'
            misfits.append(Misfit(("retry", "on"), sentence, 'Write on = ["connect"].'))
        if self.effect is Effect.READ and (self.undo is not None or self.readback is not None):
            key = "undo" if self.undo is not None else "readback"
            misfits.append(Misfit((key,), f'step "{self.id}" only reads: there is nothing to read back or undo', "Leave it out."))
        if misfits:
            raise Misfits(misfits)
        return self


class Bound(Model):
    """A comparison with a number."""

    op: Op
    """<, <=, >, >=, == or !=."""
    value: Annotated[Number, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": _DECIMAL}]})]
    """What the expression's value is compared with."""


class Guard(Bound):
    """Evidence that a check's value means something: enough traffic."""

    promql: PromQL
    """PromQL that gives one number."""


class Sets(StrEnum):
    RECOVERED = "recovered"
    """The run has recovered."""


def _in_time(hold: timedelta, every: timedelta, within: timedelta) -> None:
    misfits: list[Misfit] = []
    if not every:
        misfits.append(Misfit(("every",), "it would be asked without a pause", 'Write "10s", the default.'))
    if hold > within:
        misfits.append(Misfit(("hold",), "it must hold longer than `within` leaves time for, so it never passes"))
    if misfits:
        raise Misfits(misfits)


class CheckStep(_Step):
    """Waits until a PromQL expression holds; empty, NaN, infinite, stale and ambiguous answers never pass."""

    type: Literal["check"]
    """Which kind of step."""
    promql: PromQL
    """PromQL that gives one number."""
    source: Name | None = None
    """`[sources.NAME]` in the config. Default: the rollout's; by hand, the only one there is."""
    guard: Guard | None = None
    """Must hold too: enough traffic for the value to mean something."""
    passes: Bound = Field(alias="pass")
    """When it passes."""
    hold: Duration = Field(default="0s", validate_default=True)
    """Must hold this long without a break."""
    every: Duration = Field(default="10s", validate_default=True)
    """How often it is asked."""
    within: Duration = Field(default="5m", validate_default=True)
    """Fails when it has not passed by then."""
    max_sample_age: Duration = Field(default="60s", validate_default=True)
    """Older samples do not count."""
    sets: Sets | None = None
    """`recovered`: when it passes, the run has recovered."""
    changes: ClassVar[bool] = False

    @model_validator(mode="after")
    def _can_pass(self) -> Self:
        _in_time(self.hold, self.every, self.within)
        return self


class AlertAction(StrEnum):
    SILENCE = "silence"
    """Silence it; the undo expires the silence."""
    EXPIRE = "expire"
    """End silences that an earlier step of the run made."""
    WAIT = "wait"
    """Wait until it is resolved."""


class AlertStep(_Step):
    """Silences an alert in Alertmanager, ends a silence, or waits until an alert is resolved."""

    type: Literal["alert"]
    """Which kind of step."""
    action: AlertAction
    """silence, expire or wait."""
    source: Name | None = None
    """Source whose Alertmanager it is. Default: the rollout's; by hand, the only one there is."""
    alert: Said | None = None
    """Name of the alert, for silence and wait."""
    labels: Annotated[dict[str, Said], Field(max_length=20)] = Field(default_factory=dict)
    """Labels it must have besides, each exactly this."""
    silence: Name | None = None
    """For expire: id of the step that made the silence."""
    lasts: Duration | None = None
    """For silence: how long at most."""
    comment: Templated = ""
    """For silence: what others read."""
    every: Duration = Field(default="10s", validate_default=True)
    """For wait: how often it is asked."""
    within: Duration = Field(default="5m", validate_default=True)
    """For wait: fails when it is not resolved by then."""
    hold: Duration = Field(default="0s", validate_default=True)
    """For wait: must be resolved this long without a break."""
    sets: Sets | None = None
    """For wait: `recovered`: when it is resolved, the run has recovered."""

    @property
    def has_effect(self) -> bool:
        return self.action is not AlertAction.WAIT

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        needed = {AlertAction.SILENCE: ("alert", "lasts"), AlertAction.EXPIRE: ("silence",), AlertAction.WAIT: ("alert",)}
        others = {
            AlertAction.SILENCE: {"silence", "every", "within", "hold", "sets"},
            AlertAction.EXPIRE: {"alert", "labels", "lasts", "comment", "every", "within", "hold", "sets"},
            AlertAction.WAIT: {"silence", "lasts", "comment"},
        }
        misfits = [
            Misfit((key,), f'step "{self.id}" needs `{key}` for action = "{self.action}"', "Add it.")
            for key in needed[self.action]
            if getattr(self, key) is None
        ]
        misfits += [
            Misfit((key,), f'`{key}` means nothing for action = "{self.action}"', "Leave it out.")
            for key in sorted(others[self.action] & self.model_fields_set)
        ]
        if misfits:
            raise Misfits(misfits)
        _in_time(self.hold, self.every, self.within)
        return self


class NotifyStep(_Step):
    """Tells people through a channel; sent again after a lost answer it may arrive twice, never be lost unseen."""

    type: Literal["notify"]
    """Which kind of step."""
    channel: Name
    """`[channels.NAME]` in the config."""
    text: Said
    """The message."""
    urgency: Urgency = Urgency.INFO
    """How fast a person has to look: info, warning or critical."""
    matter: Matter = Matter.NEWS
    """Where the matter stands, for channels that page: news, open, seen or closed."""


class ProofKind(StrEnum):
    TEXT = "text"
    """Any text."""
    URL = "url"
    """A link, beginning with https:// or http://."""


class Proof(Model):
    """What a person must give as proof that it is done."""

    prompt: Said
    """The question."""
    kind: ProofKind = ProofKind.TEXT
    """text or url."""
    min_length: Annotated[Count, Field(ge=1, le=200)] = 1
    """At least so many characters."""


class ManualStep(_Step):
    """Something a person does."""

    type: Literal["manual"]
    """Which kind of step."""
    instructions: Said
    """What to do."""
    proof: Proof | None = None
    """What is asked as proof. Default: a plain yes."""
    within: Duration = Field(default="15m", validate_default=True)
    """Fails when nobody has answered by then."""


class WaitStep(_Step):
    """Waits."""

    type: Literal["wait"]
    """Which kind of step."""
    length: Duration = Field(alias="for")
    """How long."""
    changes: ClassVar[bool] = False


Step = Annotated[
    FlagStep | HttpStep | CheckStep | AlertStep | NotifyStep | ManualStep | WaitStep,
    Field(discriminator="type"),
]
AnyStep = FlagStep | HttpStep | CheckStep | AlertStep | NotifyStep | ManualStep | WaitStep
ReadingStep = Annotated[HttpStep | CheckStep | AlertStep, Field(discriminator="type")]
"""The types of step that may only read."""
