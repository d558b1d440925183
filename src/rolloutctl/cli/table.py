"""Every command by name, in the order of help: what it is for, and the module that declares it.

Plain data, so that `rolloutctl --help` loads nothing else; a command's module loads when it is run or its help is asked.
"""

from __future__ import annotations

from dataclasses import dataclass

PROGRAM = "rolloutctl"
ABOUT = "Rollout operations: judged canaries, cohort steps, verified rollbacks."
_HERE = "rolloutctl.cli.commands"


@dataclass(frozen=True, slots=True)
class Entry:
    about: str
    """One line, as help shows it."""
    module: str
    attribute: str
    """The function that declares it, or the typer application of a group."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    commands: dict[str, Entry]


def _section(title: str, module: str, **about: str) -> Section:
    return Section(title, {name: Entry(text, f"{_HERE}.{module}", name) for name, text in about.items()})


SECTIONS = (
    _section(
        "Begin",
        "begin",
        init="Ask, look at what is there, and write a config and a plan.",
        check="What plans would not do as their author believes.",
        start="Seal a plan and make a rollout of it; nothing is exposed yet.",
    ),
    _section(
        "Look",
        "look",
        status="Where every rollout is, from the journal alone.",
        watch="One line per change until the rollout ends.",
        wait="Return when a rollout gets somewhere, with an exit code.",
        explain="One criterion: judged on what, why, what would change it.",
    ),
    _section(
        "Step",
        "step",
        advance="Enter the next phase, or say what is missing.",
        back="Go back to an earlier phase, or begin the present one anew.",
        hold="Hold: the bake clock stands still until a person resumes.",
        resume="End a hold.",
        approve="Approve entering a phase.",
        gate="Sign a gate: go or no-go.",
        amend="Amend the sealed plan, or say why that is refused.",
        postpone="Postpone a countdown that would roll back.",
        abort="End the rollout at its present exposure.",
        note="Write a note into the journal.",
    ),
    Section(
        "Runbooks",
        {
            "runbook": Entry("List, show, check and run runbooks: plan, rehearse, live.", f"{_HERE}.runbook", "runbook"),
            "rehearsal": Entry("How the rehearsals of runbooks stand; for CI.", f"{_HERE}.runbook", "rehearsal"),
            "undo": Entry("Undo what a run of a runbook did, and prove it.", f"{_HERE}.runbook", "undo"),
        },
    ),
    _section(
        "Undo",
        "undo",
        rollback="Roll back, read back, verify; with --plan without any journal.",
        off="Turn a flag off without any journal or plan.",
        checked="Say that a person has looked: for ROLLBACK UNKNOWN.",
    ),
    Section(
        "Judge the past",
        {
            "backtest": Entry("The judge over the past, as if a phase had run there.", f"{_HERE}.backtest", "backtest"),
            "replay": Entry("Judge a journalled verdict again, from its stored evidence.", f"{_HERE}.replay", "replay"),
        },
    ),
    _section("Drive", "driving", drive="Drive rollouts without a terminal until it is ended."),
    _section(
        "Other",
        "other",
        journal="Show, follow, verify, witness, export and copy the journal.",
        doctor="Terminal, config, journal, sources, providers: do they answer?",
        config="Show the config in force and check it.",
        schema="JSON Schemas of plans, runbooks, configs; for editors.",
        completion="A script that makes bash, zsh or fish complete words.",
    ),
    _section("Notify", "channel", channel="Send a test message to where people are notified."),
    Section(
        "Try",
        {"demo": Entry("A service, a flag server, metrics: try everything here.", "rolloutctl.demo.command", "demo")},
    ),
)
COMMANDS = {name: entry for section in SECTIONS for name, entry in section.commands.items()}
GLOBAL_OPTIONS = (
    ("--config PATH", "A config file on top of the usual ones."),
    ("--read-only", "Change nothing: every request is refused."),
    ("--version", "Show the version."),
    ("--help", "Show this; with a command, its help."),
)
