"""The plan file as frozen models; every field is documented by the string under it.

A value here is well-formed; whether it is useful is the linter's business (`plan/lint.py`). Keys that the design has
and this version cannot act on are absent, so that a plan that needs them is refused with the key's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator

from rolloutctl.constraints import Format, Matching, Misfit, Misfits, shallow
from rolloutctl.model.cohort import Cohort
from rolloutctl.model.fields import Duration, MarginOf, Number, Percent, Share
from rolloutctl.model.json_path import JsonPath
from rolloutctl.model.kinds import Role
from rolloutctl.plan.freeze import FreezeWindow, parse_window
from rolloutctl.units import Margin, parse_number

Name = Annotated[
    str,
    Matching(
        r"[a-z0-9][a-z0-9._-]{0,99}",
        "a name; use lower case letters, digits, dot, dash and underscore, at most 100, and begin with a letter or digit",
    ),
]
"""Lower case letters, digits, dot, dash, underscore; at most 100."""
Label = Annotated[str, Matching(r"[a-zA-Z_][a-zA-Z0-9_]*", "the name of a label; use letters, digits and underscore")]
"""A Prometheus label's name."""
Person = Annotated[str, Field(min_length=1, max_length=100)]
PromQL = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(shallow)]
Matchers = Annotated[str, Field(max_length=4000), AfterValidator(shallow)]
Text = Annotated[str, Field(max_length=4000)]
RuleName = Annotated[str, Matching(r"[^\x00-\x1f\x7f]{1,200}", "the name of an alerting rule, on one line, at most 200 long")]
"""As the rule's `alert:` says it."""
WatchName = Annotated[
    str,
    Matching(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}", "a name; use letters, digits, dot, colon, dash and underscore, at most 200"),
]
"""What a trigger is called; like an alerting rule's name it may have capitals."""
Entry = Annotated[str, Field(min_length=1, max_length=200)]
Switch = Annotated[bool, Strict()]
"""true or false, and nothing that could be taken for one."""
Count = Annotated[int, Strict()]
Chance = Annotated[Number, Field(gt=0, lt=1)]
"""Between 0 and 1, as a number."""
Quantile = Annotated[Number, Field(gt=0, lt=1)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, arbitrary_types_allowed=True)


class Change(Model):
    """What exactly is released: free keys such as version, model, prompt; sealed, shown, exported."""

    canary: dict[str, str] = Field(default_factory=dict)
    """What the canary runs."""
    baseline: dict[str, str] = Field(default_factory=dict)
    """What everybody else runs."""


class Flag(Model):
    """Which flag, at which provider, in which environment."""

    provider: Name
    """`[providers.NAME]` in the config."""
    key: Annotated[str, Field(min_length=1, max_length=200)]
    """The flag's key at the provider."""
    environment: Name
    """`[environments.NAME]` in the config, and the environment's name at the provider."""
    stickiness: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    """What the provider hashes to decide who is in; part of the cohort's identity."""
    project: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The provider's project; default: the provider's in the config."""


class SegmentLabel(Model):
    """The metric label that criteria are judged by separately."""

    label: Label
    """Name of the label."""
    required: Annotated[tuple[Entry, ...], Field(max_length=1000)] = ()
    """Values that must have data; a missing one is NO_DATA."""


class Metrics(Model):
    """Where evidence comes from and how the two arms are told apart."""

    source: Name
    """`[sources.NAME]` in the config."""
    canary: Matchers
    """Label matchers of the canary: what `$arm` stands for."""
    baseline: Matchers
    """Label matchers of the baseline."""
    requests: PromQL | None = None
    """Counter of requests by arm: who really gets the canary."""
    exposure: Share = Field(default="25%", validate_default=True)
    """Hold when the canary's share of requests is off the cohort by more, relatively."""
    segment: SegmentLabel | None = None
    """Judge by the values of this label separately."""
    host: Label | None = None
    """Label that tells one replica from another."""
    step: Duration = Field(default="15s", validate_default=True)
    """Sampling grid, anchored at the phase's start."""
    history: Duration = Field(default="1h", validate_default=True)
    """How much of the time before the phase's start tells how noisy the baseline is; `"0s"`: none."""
    warmup: Duration = Field(default="0s", validate_default=True)
    """Of a phase, ignored by the criteria: cold caches."""
    max_sample_age: Duration = Field(default="60s", validate_default=True)
    """Evidence older than this is STALE."""


class Judge(Model):
    """What holds for all criteria."""

    alpha: Chance = Field(default=Decimal("0.02"), json_schema_extra={"default": 0.02})
    """Chance that a harmless rollout is ever called a breach: over all phases, criteria and looks."""
    beta: Chance = Field(default=Decimal("0.05"), json_schema_extra={"default": 0.05})
    """Chance, per criterion and phase, that a regression of `reject` size passes."""
    min_time: Duration = Field(default="5m", validate_default=True)
    """Nothing passes before this much of a phase is over."""
    grace: Annotated[Count, Field(ge=1, le=1000)] = 5
    """Cells that a state of missing evidence may last before it is a hold."""


class RollbackTo(StrEnum):
    OFF = "off"
    SNAPSHOT = "snapshot"


class OnBreach(StrEnum):
    ASK = "ask"
    AUTO = "auto"
    HOLD = "hold"


class Rollback(Model):
    """The way back."""

    to: RollbackTo = RollbackTo.OFF
    """`off`: turn the flag off; `snapshot`: restore the state read before the start."""
    on_breach: OnBreach = OnBreach.ASK
    """`ask`: countdown; `auto`: at once; `hold`: hold."""
    countdown: Duration = Field(default="60s", validate_default=True)
    """How long `ask` waits before it rolls back."""
    watch_after: Duration = Field(default="10m", validate_default=True)
    """How long after a rollback exposure above the target is turned off again."""
    irreversible: str | None = None
    """Why it cannot be undone; then a breach holds instead."""
    runbook: Name | None = None
    """Id of the runbook that proves the way back: `runbooks/ID.toml` beside the plan. Sealed with it, and what it demands of
    rehearsals is asked before every phase."""
    params: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(max_length=50)] = Field(default_factory=dict)
    """Parameters of the runbook."""

    @model_validator(mode="after")
    def _params_of_something(self) -> Self:
        if self.params and self.runbook is None:
            raise Misfits([Misfit(("params",), "there is no runbook for these parameters", 'Add runbook = "ID".')])
        return self


class OnMissing(StrEnum):
    HOLD = "hold"
    BREACH = "breach"
    IGNORE = "ignore"


class _Criterion(Model):
    id: Name
    """Short name, unique in the plan."""
    title: Text = ""
    """What people read; default: the id."""
    test: Literal["threshold"] | None = None
    """How it is judged. Left out: by evidence, valid however often one looks. `threshold`: by the bound in every cell."""
    tolerate: MarginOf | None = None
    """No alarm while the canary is at most this much worse. `"10%"` of the baseline, or a bare number: an absolute difference."""
    reject: MarginOf | None = None
    """No pass before a canary this much worse is excluded. Default: ratio 50%, latency and value 25%."""
    versus: Literal["baseline", "before"] | None = None
    """Compare with the other arm, or with the same service before the phase's start (time of day is then not cancelled)."""
    window: Duration = Field(default="5m", validate_default=True)
    """The value of a cell is taken over this window."""
    breach_after: Duration = Field(default="1m", validate_default=True)
    """Beyond the bound in every cell for this long is a BREACH."""
    hold: Duration = Field(default="0s", validate_default=True)
    """Must be inside the bound this long without a break before it may PASS."""
    role: Role = Role.GUARDRAIL
    """guardrail (breach rolls back), signal (breach holds) or info."""
    unit: str = ""
    """Shown behind values."""
    on_no_data: OnMissing = OnMissing.HOLD
    """What NO_DATA does after the grace period: hold, breach or ignore."""
    on_stale: OnMissing = OnMissing.HOLD
    """What STALE does after the grace period."""
    on_low_traffic: OnMissing = OnMissing.HOLD
    """What LOW_TRAFFIC does after the grace period."""

    @property
    def name(self) -> str:
        return self.title or self.id

    @property
    def by_evidence(self) -> bool:
        """Judged by a statistical test."""
        return self.test is None

    @property
    def compares(self) -> bool:
        """Whether it is judged against another set of numbers, beside any bound of its own."""
        return self.tolerate is not None or (self.by_evidence and (self.reject is not None or self.versus is not None))

    @property
    def needs_baseline(self) -> bool:
        """Whether it cannot be judged without the other arm."""
        return self.compares and self.versus != "before"

    @property
    def margins(self) -> tuple[Margin, Margin]:
        """`tolerate` and `reject`, declared or by default."""
        usual, rejected = self.usual_margins
        return self.tolerate or Margin(usual, relative=True), self.reject or Margin(rejected, relative=True)

    @property
    def usual_margins(self) -> tuple[Fraction, Fraction]:
        return Fraction(5, 100), Fraction(25, 100)

    @model_validator(mode="after")
    def _fits_its_test(self) -> Self:
        if self.test is not None and self.reject is not None:
            msg = f'criterion "{self.id}" has a bound as its test, which knows no `reject`; leave out `test`, or `reject`'
            raise ValueError(msg)
        if self.test is not None and self.versus == "before":
            msg = f'criterion "{self.id}" compares with the time before the start, which needs evidence; leave out `test`'
            raise ValueError(msg)
        if self.by_evidence and self.compares:
            tolerate, reject = self.margins
            if tolerate.relative != reject.relative:
                msg = f'criterion "{self.id}": write `tolerate` and `reject` both in percent, or both as bare numbers'
                raise ValueError(msg)
            if tolerate.amount >= reject.amount:
                msg = f'criterion "{self.id}" tolerates {tolerate} and rejects {reject}; `reject` must be more than `tolerate`'
                raise ValueError(msg)
        return self


def _must_be_relative(criterion: _Criterion) -> None:
    if criterion.by_evidence and criterion.compares and not criterion.margins[0].relative:
        msg = f'criterion "{criterion.id}" compares shares of events: write `tolerate` and `reject` in percent, as "10%"'
        raise ValueError(msg)


class _Bounded(_Criterion):
    max: Number | None = None
    """Must stay at or under this (in the expression's unit; a ratio as a share of one)."""
    min: Number | None = None
    """Must stay at or over this."""

    @property
    def bounded(self) -> bool:
        return self.max is not None or self.min is not None

    @model_validator(mode="after")
    def _has_bound(self) -> Self:
        if not self.bounded and not self.compares:
            msg = f'criterion "{self.id}" has no bound, so nothing can fail it; give max, min or tolerate'
            raise ValueError(msg)
        if self.max is not None and self.min is not None and self.max < self.min:
            msg = f'criterion "{self.id}" has max {self.max} under min {self.min}; nothing could be inside'
            raise ValueError(msg)
        return self


class RatioCriterion(_Bounded):
    """Bad events out of all events, from two counters."""

    type: Literal["ratio"]
    """Which kind of criterion."""
    bad: PromQL
    """Counter of bad events; a selector with `$arm`."""
    total: PromQL
    """Counter of all events; a selector with `$arm`."""
    slack: Share | None = None
    """A ratio known to be under this passes, whatever the baseline's is: for rare errors. `"0.05%"`."""
    min_total: Annotated[Count, Field(ge=1)] | None = None
    """Events a window needs to count, with `test = "threshold"`; default: so many that one bad event alone stays inside."""
    better: ClassVar[str] = "lower"

    @property
    def compares(self) -> bool:
        """By evidence it compares unless it has nothing but bounds."""
        return super().compares or (self.by_evidence and not self.bounded)

    @property
    def usual_margins(self) -> tuple[Fraction, Fraction]:
        return Fraction(10, 100), Fraction(50, 100)

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        _must_be_relative(self)
        return self


class LatencyCriterion(_Criterion):
    """How many requests are slower than the edges of a histogram's buckets."""

    type: Literal["latency"]
    """Which kind of criterion."""
    histogram: PromQL
    """Selector of the histogram with `$arm`: its `_bucket` series, or a native histogram."""
    quantiles: Annotated[tuple[Quantile, ...], Field(min_length=1, max_length=10)] = Field(
        default=(Decimal("0.95"),), json_schema_extra={"default": [0.95]}
    )
    """Which part of the distribution a pass vouches for."""
    max: Annotated[dict[str, Duration], Field(max_length=10)] = Field(default_factory=dict)
    """By quantile: `{ "0.95" = "800ms" }`, less than 5 % of requests may take longer than that."""
    better: ClassVar[str] = "lower"

    @property
    def bounded(self) -> bool:
        return bool(self.max)

    @property
    def compares(self) -> bool:
        """It compares unless it has nothing but bounds."""
        return super().compares or (self.by_evidence and not self.bounded)

    @property
    def usual_margins(self) -> tuple[Fraction, Fraction]:
        return Fraction(3, 100), Fraction(25, 100)

    @property
    def limits(self) -> tuple[tuple[Decimal, Duration], ...]:
        """`max` by quantile, as numbers."""
        return tuple((parse_number(quantile), limit) for quantile, limit in sorted(self.max.items()))

    @model_validator(mode="after")
    def _is_by_evidence(self) -> Self:
        _must_be_relative(self)
        if self.test is not None:
            msg = f'criterion "{self.id}": a latency criterion is judged by evidence; leave out `test`'
            raise ValueError(msg)
        for quantile in self.max:
            try:
                inside = 0 < parse_number(quantile) < 1
            except ValueError:
                inside = False
            if not inside:
                msg = f'criterion "{self.id}": "{quantile}" is not a quantile between 0 and 1, such as "0.95"'
                raise ValueError(msg)
        return self


_SELDOM = timedelta(seconds=1)


def _not_too_often(every: timedelta) -> timedelta:
    if every < _SELDOM:
        raise ValueError("an endpoint is not asked more often than every 1s: each answer is an event of the journal")
    return every


class _Number(_Bounded):
    better: Literal["lower", "higher"] = "lower"
    """Which direction is good, for `tolerate`."""
    hard_max: Number | None = None
    """Two samples beyond it are a breach at once."""
    hard_min: Number | None = None
    """Two samples under it are a breach at once."""

    @property
    def bounded(self) -> bool:
        return super().bounded or (self.by_evidence and (self.hard_max is not None or self.hard_min is not None))


class ValueCriterion(_Number):
    """Any expression that gives one number."""

    type: Literal["value"]
    """Which kind of criterion."""
    expr: PromQL
    """PromQL; `$arm` stands for the arm's matchers."""
    fresh: PromQL | None = None
    """Selector whose newest sample dates the value; default: every selector in the expression."""
    by_segment: Switch = False
    """The expression gives one series per segment, judged separately."""


class HttpCriterion(_Number):
    """A number that an HTTP endpoint gives, such as an evaluation service; whoever drives asks for it and journals it."""

    type: Literal["http"]
    """Which kind of criterion."""
    adapter: Name
    """`[adapters.NAME]` in the config: base URL and credentials."""
    path: Annotated[
        str, Matching(r"/(?!/)[!-\"$->@-\[\]-~]{0,999}", "a path; begin it with one / and put what comes behind ? into `query`")
    ]
    """Added to the adapter's URL; asked with GET."""
    query: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(max_length=30)] = Field(default_factory=dict)
    """Parameters of the request, by name."""
    value: JsonPath
    """Where in the JSON answer the canary's number stands: `score`, `suites[0].score`."""
    baseline: JsonPath | None = None
    """Where the baseline's number stands; needed by whatever compares with it."""
    at: JsonPath | None = None
    """Where the answer says from when its numbers are (RFC 3339, or Unix seconds); default: from when it was asked."""
    every: Annotated[Duration, AfterValidator(_not_too_often)] = Field(default="1m", validate_default=True)
    """How often it is asked."""
    max_age: Duration | None = None
    """Older numbers are STALE; default: twice `every`, and at least `metrics.max_sample_age`."""

    @property
    def measured(self) -> ValueCriterion:
        """The same as a value that was recorded already."""
        shared = {name: getattr(self, name) for name in ValueCriterion.model_fields if name in type(self).model_fields}
        return ValueCriterion.model_construct(**{**shared, "type": "value", "expr": self.id, "fresh": None, "by_segment": False})

    @model_validator(mode="after")
    def _has_what_it_compares(self) -> Self:
        if self.needs_baseline and self.baseline is None:
            raise ValueError(f'criterion "{self.id}" compares with the baseline; say with `baseline` where its number stands')
        if self.versus == "before":
            raise ValueError(f'criterion "{self.id}" has no past before the phase: nothing was recorded then; leave out `versus`')
        return self


class _Alert(Model):
    """What is asked of an alert, whether as a criterion or as a trigger."""

    labels: Annotated[dict[Label, Annotated[str, Field(max_length=1000)]], Field(max_length=30)] = Field(default_factory=dict)
    """Labels that the firing alert must carry, with these very values; without any, every alert of that name counts."""
    fresh: PromQL | None = None
    """Selector whose newest sample shows that the rule is evaluated; default: the source's list of rules says so."""
    on_no_data: OnMissing = OnMissing.HOLD
    """What NO_DATA (nobody evaluates such a rule) does after the grace period: hold, breach or ignore."""
    on_stale: OnMissing = OnMissing.HOLD
    """What STALE (the rule is not evaluated any more) does after the grace period."""


class AlertCriterion(_Alert):
    """An alerting rule of the source that must not fire."""

    type: Literal["alert"]
    """Which kind of criterion."""
    id: WatchName
    """Short name, unique in the plan."""
    title: Text = ""
    """What people read; default: the id."""
    alert: RuleName
    """Name of the alerting rule."""
    hold: Duration = Field(default="0s", validate_default=True)
    """Must be quiet this long before it may PASS."""
    role: Role = Role.GUARDRAIL
    """guardrail (firing rolls back), signal (firing holds) or info."""
    by_evidence: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    needs_baseline: ClassVar[bool] = False
    on_low_traffic: ClassVar[OnMissing] = OnMissing.HOLD
    unit: ClassVar[str] = ""
    better: ClassVar[str] = "lower"

    @property
    def name(self) -> str:
        return self.title or self.id


Criterion = Annotated[
    RatioCriterion | LatencyCriterion | ValueCriterion | HttpCriterion | AlertCriterion, Field(discriminator="type")
]
MeasuredCriterion = RatioCriterion | LatencyCriterion | ValueCriterion | HttpCriterion
"""Criteria that judge a number."""
AnyCriterion = MeasuredCriterion | AlertCriterion


class Trigger(_Alert):
    """Watched in every phase, whatever its criteria: an alert, or a criterion of the plan.

    It never makes a phase READY; that it fails counts, and that it cannot be seen.
    """

    alert: RuleName | None = None
    """Name of an alerting rule; firing is a BREACH."""
    criterion: Name | None = None
    """Or the id of a criterion, which then is judged in phases that do not list it, too; its own role counts."""
    id: WatchName | None = None
    """How verdicts call the alert; default: its name."""
    title: Text = ""
    """What people read; default: the id."""
    role: Role = Role.GUARDRAIL
    """guardrail (firing rolls back), signal (firing holds) or info."""

    @property
    def name(self) -> str:
        """Id of what is watched, as verdicts have it."""
        return self.criterion or self.id or re.sub(r"[^A-Za-z0-9._:-]+", "-", self.alert or "").strip("-._:") or "alert"

    @property
    def as_criterion(self) -> AlertCriterion | None:
        """The alert that is watched; None where it is a criterion of the plan."""
        if self.alert is None:
            return None
        return AlertCriterion(
            type="alert",
            id=self.name,
            title=self.title,
            alert=self.alert,
            labels=self.labels,
            fresh=self.fresh,
            role=self.role,
            on_no_data=self.on_no_data,
            on_stale=self.on_stale,
        )

    @model_validator(mode="after")
    def _watches_one_thing(self) -> Self:
        if (self.alert is None) == (self.criterion is None):
            raise ValueError("a trigger watches either an alert or a criterion; give one of `alert` and `criterion`")
        if self.criterion is not None and (own := sorted(self.model_fields_set - {"criterion"})):
            raise ValueError(f"a trigger on a criterion takes everything else from the criterion; leave out {', '.join(own)}")
        return self


class Gate(Model):
    """A go/no-go checklist a named person signs."""

    id: Name
    """Short name, unique in the plan."""
    title: Text
    """What is decided."""
    owner: Person
    """Who signs: an operator or a group of the config."""
    before: Name
    """Phase that may not start without it."""
    checks: tuple[str, ...] = ()
    """Each must be true."""
    evidence: str | None = None
    """Link to what was looked at."""
    require_signature: Switch = False
    """It counts only when it is signed with the SSH key that the config names for who signs it."""


class CohortSpec(Model):
    """Who gets the canary in a phase."""

    shadow: Switch = False
    """Nobody; the flag must be off and mirrored traffic is judged."""
    audiences: Annotated[tuple[Entry, ...], Field(max_length=100)] = ()
    """Everybody in one of these; audiences of earlier phases stay in."""
    percent: Percent = Field(default=0, validate_default=True)
    """Share of the rest, 0 to 100, exact."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.shadow and (self.audiences or self.percent):
            msg = "a shadow cohort has nobody in it; drop audiences and percent, or drop shadow"
            raise ValueError(msg)
        if not self.shadow and not self.audiences and not self.percent:
            msg = "an empty cohort; write { shadow = true }, { audiences = [...] } or { percent = 5 }"
            raise ValueError(msg)
        return self


class Advance(StrEnum):
    MANUAL = "manual"
    AUTO = "auto"


class Phase(Model):
    """One step of the plan."""

    name: Name
    """Unique in the plan."""
    owner: Person
    """Accountable for the step."""
    cohort: CohortSpec
    """Who gets the canary."""
    bake: Duration
    """At least this long."""
    deadline: Duration | None = None
    """Not READY by then: hold, with what is missing. Default: four times bake."""
    advance: Advance = Advance.MANUAL
    """How this phase is left when READY: by a person, or by itself."""
    criteria: tuple[Name, ...] | None = None
    """Exit criteria by id; default: all that can be judged in this phase."""
    require_signature: Switch = False
    """Approvals count only when they are signed with the SSH key that the config names for who gives them."""
    approvals: Annotated[Count, Field(ge=0, le=20)] = 0
    """People who must approve before it is entered; who asks is not one of them."""
    comms: Text = ""
    """Whom to tell what when it is entered."""
    settle_time: Duration | None = None
    """From read-back to the phase's clock; default: the provider's."""
    stabilise: Switch = False
    """Last phase only."""

    @property
    def deadline_or_default(self) -> Duration:
        return self.deadline if self.deadline is not None else self.bake * 4


class Freeze(Model):
    """When nothing advances; a rollback always may."""

    windows: Annotated[tuple[Entry, ...], Field(max_length=100)] = ()
    """`"Fri 16:00 - Mon 08:00 Europe/Madrid"`."""

    @model_validator(mode="after")
    def _parse(self) -> Self:
        misfits: list[Misfit] = []
        for index, text in enumerate(self.windows):
            try:
                parse_window(text)
            except ValueError as error:
                misfits.append(Misfit(("windows", index), str(error)))
        if misfits:
            raise Misfits(misfits)
        return self

    @property
    def parsed(self) -> tuple[FreezeWindow, ...]:
        return tuple(parse_window(text) for text in self.windows)


class Plan(Model):
    """One rollout, declared before it begins."""

    format: Format
    """Version of this file format."""
    name: Name
    """Name of the plan; a rollout of it is `name#1`, `name#2`, …"""
    title: Text = ""
    """What people read; default: the name."""
    owner: Person
    """Accountable for the rollout; an operator of the config where any are declared."""
    change: Change = Field(default_factory=Change)
    """What exactly is released."""
    flag: Flag
    """What is switched."""
    metrics: Metrics
    """Where evidence comes from."""
    judge: Judge = Field(default_factory=Judge)
    """What holds for all criteria."""
    rollback: Rollback = Field(default_factory=Rollback)
    """The way back."""
    criteria: Annotated[tuple[Criterion, ...], Field(max_length=100)] = ()
    """Acceptance rules."""
    triggers: Annotated[tuple[Trigger, ...], Field(max_length=100)] = ()
    """Alerts and criteria that are watched in every phase."""
    gates: Annotated[tuple[Gate, ...], Field(max_length=100)] = ()
    """Checklists to sign."""
    phases: Annotated[tuple[Phase, ...], Field(min_length=1, max_length=100)]
    """Steps, in order."""
    freeze: Freeze = Field(default_factory=Freeze)
    """When nothing advances."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        misfits = [*self._twice(), *self._unknown_names(), *self._never_lower()]
        if misfits:
            raise Misfits(misfits)
        return self

    def _twice(self) -> Iterator[Misfit]:
        for table, key, names in (
            ("criteria", "id", [c.id for c in self.criteria]),
            ("phases", "name", [p.name for p in self.phases]),
            ("gates", "id", [g.id for g in self.gates]),
            ("triggers", "criterion", [t.criterion or f"trigger {index}" for index, t in enumerate(self.triggers)]),
        ):
            for index, name in enumerate(names):
                if name in names[:index]:
                    yield Misfit((table, index, key), f'"{name}" is already the {key} of another entry', "Give each its own.")
        called = [c.id for c in self.criteria]
        for index, trigger in enumerate(self.triggers):
            if trigger.alert is not None and trigger.name in called:
                sentence = f'"{trigger.name}" is already the name of a criterion or of another trigger'
                yield Misfit(("triggers", index, "alert"), sentence, "Give the trigger an `id` of its own.")
            called += [trigger.name] if trigger.alert is not None else []

    def _unknown_names(self) -> Iterator[Misfit]:
        phases = [p.name for p in self.phases]
        for index, gate in enumerate(self.gates):
            if gate.before not in phases:
                sentence = f'the plan has no phase "{gate.before}" for this gate to stand before'
                yield Misfit(("gates", index, "before"), sentence, f"Its phases are: {', '.join(phases)}.")
        known = [c.id for c in self.criteria]
        for index, trigger in enumerate(self.triggers):
            if trigger.criterion is not None and trigger.criterion not in known:
                sentence = f'the plan has no criterion "{trigger.criterion}" for this trigger to watch'
                yield Misfit(("triggers", index, "criterion"), sentence, f"It has: {', '.join(known) or 'none'}.")
        for index, phase in enumerate(self.phases):
            for place, name in enumerate(phase.criteria or ()):
                if name not in known:
                    sentence = f'the plan has no criterion "{name}"'
                    yield Misfit(("phases", index, "criteria", place), sentence, f"It has: {', '.join(known) or 'none'}.")
            if phase.stabilise and phase is not self.phases[-1]:
                sentence = f'phase "{phase.name}" stabilises, which only the last phase may'
                yield Misfit(("phases", index, "stabilise"), sentence, "Move it to the last phase.")

    def _never_lower(self) -> Iterator[Misfit]:
        for index in range(1, len(self.phases)):
            before, phase = self.phases[index - 1], self.phases[index]
            was, is_ = before.cohort, phase.cohort
            if is_.percent < was.percent or (is_.shadow and not was.shadow):
                sentence = f'phase "{phase.name}" has less exposure than "{before.name}" before it'
                yield Misfit(("phases", index, "cohort"), sentence, "Exposure goes down only by `back` or rollback.")

    @property
    def shown(self) -> str:
        return self.title or self.name

    def phase(self, name: str) -> Phase:
        return next(p for p in self.phases if p.name == name)

    def index(self, name: str) -> int:
        return next(i for i, p in enumerate(self.phases) if p.name == name)

    def cohort(self, index: int) -> Cohort:
        """Whom the flag must serve in phase `index`: its own cohort plus the audiences of earlier phases."""
        audiences: list[str] = []
        for phase in self.phases[: index + 1]:
            audiences += [a for a in phase.cohort.audiences if a not in audiences]
        spec = self.phases[index].cohort
        return Cohort(audiences=tuple(audiences), percent=spec.percent)

    def criteria_of(self, index: int) -> tuple[AnyCriterion, ...]:
        """The phase's exit criteria; without a list all, less those relative to a baseline that is gone at 100 %."""
        phase = self.phases[index]
        if phase.criteria is not None:
            return tuple(c for c in self.criteria if c.id in phase.criteria)
        if phase.cohort.percent == 100:
            return tuple(c for c in self.criteria if not c.needs_baseline)
        return self.criteria

    @property
    def every_criterion(self) -> tuple[AnyCriterion, ...]:
        """The criteria, and the alerts that triggers watch: whatever a verdict may be about."""
        alerts = (trigger.as_criterion for trigger in self.triggers)
        return (*self.criteria, *(alert for alert in alerts if alert is not None))

    def has_trigger(self, criterion: str) -> bool:
        """Whether a trigger watches it, in every phase."""
        return any(trigger.name == criterion for trigger in self.triggers)

    def judged_of(self, index: int) -> tuple[AnyCriterion, ...]:
        """What is judged in the phase: its exit criteria, and what triggers watch beside them."""
        exits = self.criteria_of(index)
        if not self.triggers:
            return exits
        watched = {trigger.name for trigger in self.triggers}
        gone = self.phases[index].cohort.percent == 100
        more = (c for c in self.every_criterion if c.id in watched and not (gone and c.needs_baseline))
        return (*exits, *(criterion for criterion in more if criterion not in exits))
