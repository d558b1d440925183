"""Closed sets of the program: exit codes, states, events, findings."""

from __future__ import annotations

from enum import StrEnum

from reference_pages.markdown import attributes, code, members, page, table
from rolloutctl.errors import ExitCode
from rolloutctl.model.events import BODIES, Body
from rolloutctl.model.kinds import EventClass, Kind, Role, class_of
from rolloutctl.model.rehearsal import RehearsalState
from rolloutctl.model.state import Status, Step
from rolloutctl.model.verdict import MISSING_EVIDENCE, WORST_FIRST, PhaseState, State
from rolloutctl.plan.findings import RULES
from rolloutctl.runbook.findings import RULES as RUNBOOK_RULES


def exit_codes_page() -> str:
    said = members(ExitCode)
    rows = [(code(str(exit_code.value)), exit_code.name.replace("_", " "), said[exit_code.name]) for exit_code in ExitCode]
    rows.append((code("128+n"), "SIGNAL", "Ended by signal n; what was begun is journalled and can be resumed."))
    intro = """The same for every command; a command's `--help` says which of them it uses. In scripts:
[Use it in CI and scripts](../how-to/ci-and-scripts.md)."""
    return page("Exit codes", intro, [table(("code", "name", "meaning"), rows)])


def states_page() -> str:
    intro = "The closed sets of words that screens, commands and JSON use. JSON has the word with underscores: `NO_DATA`."
    verdicts = members(State)
    marked = [
        (state.words, "missing evidence" if state in MISSING_EVIDENCE else "", verdicts[state.name]) for state in WORST_FIRST
    ]
    parts = [
        "## Verdict of a criterion\n\nWorst first. Missing evidence is never a pass: after its grace it holds the phase.\n\n"
        + table(("state", "kind", "meaning"), marked),
        "## Verdict of a phase\n\nThe first that applies.\n\n" + _set(PhaseState),
        "## Role of a criterion\n\n" + _set(Role),
        "## Rollout\n\n" + _set(Status),
        "## Step of a phase\n\n" + _set(Step),
        "## Rehearsals of a runbook\n\nWorst first.\n\n" + _set(RehearsalState),
    ]
    return page("States", intro, parts)


def _set(words: type[StrEnum]) -> str:
    said = members(words)
    return table(("word", "meaning"), [(word.value.replace("_", " "), said[word.name]) for word in words])


_CLASSES = {
    EventClass.REQUEST: "Requests\n\nWhat a person asks for or says. Any process may append them, whoever drives.",
    EventClass.FACT: "Facts\n\nWhat was judged or decided.",
    EventClass.EFFECT: "Effects\n\nWhat is done to the flag: the intent before it is sent, the outcome after. "
    "Only the holder of the lease may append them.",
    EventClass.HOUSEKEEPING: "Housekeeping\n\nThe journal's own.",
}


def events_page() -> str:
    intro = """Everything that happens to a rollout is an event in the journal: numbered, dated, with who and on which host,
and chained to the one before by its hash. `rolloutctl journal show` prints them, `--json` with their bodies;
`rolloutctl journal verify` checks the chain. Every body also has `v`, the version of its form."""
    said = members(Kind)
    parts = []
    for event_class in EventClass:
        kinds = [kind for kind in Kind if class_of(kind) is event_class]
        rows = [(code(kind.value), said[kind.name], _fields(kind)) for kind in kinds]
        parts.append(f"## {_CLASSES[event_class]}\n\n{table(('event', 'means', 'body'), rows)}")
    return page("Events", intro, parts)


def _fields(kind: Kind) -> str:
    body = BODIES[kind]
    said = {name: about for base in reversed(body.__mro__) if issubclass(base, Body) for name, about in attributes(base).items()}
    fields = [name for name in body.model_fields if name != "v"]
    return "<br>".join(f"{code(name)}: {said[name]}" if name in said else code(name) for name in fields)


_HUNDREDS = {
    "1": "Plan",
    "2": "Criteria",
    "3": "Phases",
    "4": "Rollback",
    "5": "Names and environment",
    "6": "Live, with `--live`",
    "7": "Runbooks",
}


def findings_page() -> str:
    intro = """What `rolloutctl check` can find in plans, and `rolloutctl runbook check` in runbooks. A code never changes its
meaning. An **error** is a plan or runbook that cannot do what it says: `start` refuses it. A **warning** will
probably disappoint. **info** is worth knowing. Every finding comes with its line, why it matters and what to do."""
    parts = []
    rules = [*RULES.values(), *RUNBOOK_RULES.values()]
    for hundred in dict.fromkeys(rule.code[2] for rule in rules):
        rows = [(code(rule.code), rule.severity.value, rule.title) for rule in rules if rule.code[2] == hundred]
        parts.append(f"## {_HUNDREDS.get(hundred, f'RC{hundred}xx')}\n\n{table(('code', 'severity', 'finding'), rows)}")
    return page("Findings", intro, parts)
