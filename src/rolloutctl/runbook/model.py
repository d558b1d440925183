"""The runbook file as frozen models; every field is documented by the string under it.

A value here is well-formed and hangs together; whether it is useful, and whether the config has what it names, is the linter's
business. There are no loops, jumps or expressions: steps run in order, and every run ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from rolloutctl.constraints import Format, Key, Misfit, Misfits
from rolloutctl.model.fields import Duration, Size
from rolloutctl.model.run_words import ClockStart, ClockStop, Section
from rolloutctl.runbook.fields import Model, Name, ParamName, Person, Switch, Text
from rolloutctl.runbook.params import Param
from rolloutctl.runbook.steps import AlertAction, AlertStep, AnyStep, CheckStep, HttpStep, ReadingStep, Sets, Step


class Objective(Model):
    """How fast the way back must be, and what is measured."""

    time_to_rollback: Duration
    """At most this long."""
    start: ClockStart = ClockStart.RUN_STARTED
    """run_started or first_intent."""
    stop: ClockStop = ClockStop.RECOVERED
    """recovered (a check with `sets = "recovered"`) or last_critical."""


class Policy(StrEnum):
    """Whether a rollout may advance without a fresh rehearsal."""

    OFF = "off"
    """It may."""
    WARN = "warn"
    """It may, and is told."""
    BLOCK = "block"
    """It may not."""


class Rehearsing(Model):
    """What a rollout that uses this runbook needs before it may advance."""

    policy: Policy = Policy.BLOCK
    """off, warn or block."""
    max_age: Duration = Field(default="30d", validate_default=True)
    """A rehearsal longer ago is STALE."""
    within_objective: Switch = True
    """A rehearsal that took longer than the objective is TOO_SLOW."""


class Defaults(Model):
    """What holds for steps that do not say otherwise."""

    timeout: Duration = Field(default="5s", validate_default=True)
    """Of one request."""
    max_body: Size = Field(default="16KiB", validate_default=True)
    """More of an answer is not read."""
    ask_timeout: Duration = Field(default="2m", validate_default=True)
    """A question that nobody answers by then pages, and the run goes on to the next critical step."""


class After(Model):
    """Follow-up steps."""

    recovered: Annotated[tuple[Step, ...], Field(max_length=50)] = ()
    """When the run ends recovered (or done, where nothing sets "recovered")."""
    not_recovered: Annotated[tuple[Step, ...], Field(max_length=50)] = ()
    """When it does not."""


class Runbook(Model):
    """Steps that undo a rollout."""

    format: Format
    """Version of this file format."""
    id: Name
    """Name of the runbook; plans and commands name it by this."""
    title: Annotated[Text, Field(min_length=1)]
    """What people read."""
    owner: Person
    """Accountable for it."""
    when: Text = ""
    """When to run it."""
    objective: Objective
    """How fast the way back must be."""
    rehearsal: Rehearsing = Field(default_factory=Rehearsing)
    """What advancing needs."""
    params: Annotated[dict[ParamName, Param], Field(max_length=50)] = Field(default_factory=dict)
    """What a plan or a person fills in."""
    defaults: Defaults = Field(default_factory=Defaults)
    """What holds for steps that do not say otherwise."""
    preflight: Annotated[tuple[ReadingStep, ...], Field(max_length=50)] = ()
    """Steps that only read; run first, in every mode."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=200)]
    """What is done, in order."""
    after: After = Field(default_factory=After)
    """Follow-up steps."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        misfits = [*self._twice(), *self._changing_preflight(), *self._torn_groups(), *self._foreign_silences()]
        if misfits:
            raise Misfits(misfits)
        return self

    def _twice(self) -> Iterator[Misfit]:
        seen: list[str] = []
        for key, _, step in self.placed():
            if step.id in seen:
                yield Misfit((*key, "id"), f'"{step.id}" is already the id of another step', "Give each its own.")
            seen.append(step.id)

    def _changing_preflight(self) -> Iterator[Misfit]:
        for index, step in enumerate(self.preflight):
            if step.has_effect:
                yield Misfit(
                    ("preflight", index), f'step "{step.id}" changes something, which preflight may not', "Move it to `steps`."
                )
            elif isinstance(step, (CheckStep, AlertStep)) and step.sets is not None:
                yield Misfit(("preflight", index, "sets"), "before the first step nothing can have recovered", "Leave it out.")

    def _torn_groups(self) -> Iterator[Misfit]:
        ended: dict[Section, list[str]] = {section: [] for section in Section}
        before: tuple[Section | None, str | None] = (None, None)
        for key, section, step in self.placed():
            here = (section, step.group)
            if here != before:
                if before[0] is not None and before[1] is not None:
                    ended[before[0]].append(before[1])
                if step.group is not None and step.group in ended[section]:
                    sentence = f'group "{step.group}" is interrupted by other steps; only neighbours run together'
                    yield Misfit((*key, "group"), sentence, "Put its steps next to each other, or give them two groups.")
            before = here

    def _foreign_silences(self) -> Iterator[Misfit]:
        made: list[str] = []
        for key, _, step in self.placed():
            if not isinstance(step, AlertStep):
                continue
            if step.action is AlertAction.SILENCE:
                made.append(step.id)
            elif step.silence is not None and step.silence not in made:
                sentence = f'no step before this one with the id "{step.silence}" silences an alert'
                yield Misfit((*key, "silence"), sentence, f"Such steps are: {', '.join(made) or 'none'}.")

    def placed(self) -> Iterator[tuple[Key, Section, AnyStep]]:
        """Every step with its key in the file and its section, in the order in which they may run."""
        for index, reading in enumerate(self.preflight):
            yield ("preflight", index), Section.PREFLIGHT, reading
        for index, step in enumerate(self.steps):
            yield ("steps", index), Section.STEPS, step
        for index, step in enumerate(self.after.recovered):
            yield ("after", "recovered", index), Section.AFTER_RECOVERED, step
        for index, step in enumerate(self.after.not_recovered):
            yield ("after", "not_recovered", index), Section.AFTER_NOT_RECOVERED, step

    def section(self, section: Section) -> tuple[AnyStep, ...]:
        return tuple(step for _, where, step in self.placed() if where is section)

    def step(self, step: str) -> AnyStep | None:
        return next((found for _, _, found in self.placed() if found.id == step), None)

    def groups(self, section: Section) -> tuple[tuple[AnyStep, ...], ...]:
        """The steps of a section as they run: one by one, neighbours of one group together."""
        groups: list[list[AnyStep]] = []
        for step in self.section(section):
            if groups and step.group is not None and groups[-1][-1].group == step.group:
                groups[-1].append(step)
            else:
                groups.append([step])
        return tuple(tuple(group) for group in groups)

    def timeout(self, step: AnyStep) -> timedelta:
        """Of one request of the step."""
        return step.timeout if step.timeout is not None else self.defaults.timeout

    def max_body(self, step: AnyStep) -> int:
        """Bytes of an answer to the step that are read at most."""
        own = step.max_body if isinstance(step, HttpStep) else None
        return own if own is not None else self.defaults.max_body

    @property
    def recovers(self) -> bool:
        """Whether some step sets "recovered"."""
        return any(isinstance(step, (CheckStep, AlertStep)) and step.sets is Sets.RECOVERED for step in self.steps)
