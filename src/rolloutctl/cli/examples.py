"""Lines that a person may type, by command (`journal show` for one of a group): what each does, then the line itself.

Shown by every command's help and in the reference; the tests run each line through the parser.
"""

from __future__ import annotations

from typing import NamedTuple


class Example(NamedTuple):
    does: str
    line: str


_R = "checkout-ranker-v7"
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "init": (
        Example("Ask, look at what runs on this machine, write a config and a plan", "rolloutctl init"),
        Example("The same without questions", "rolloutctl init --yes --flag checkout-ranker-v7"),
        Example("For a team, in a folder of its own", "rolloutctl init ops --prometheus https://prom.example.com"),
    ),
    "check": (
        Example("Is the plan sound?", "rolloutctl check plans/canary.toml"),
        Example("In CI, with what the servers say; warnings fail it", "rolloutctl check plans/*.toml --live --strict"),
    ),
    "start": (
        Example("Seal a plan; the rollout's id is printed", "rolloutctl start plans/canary.toml"),
        Example("The flag is on already: begin with what it serves", "rolloutctl start plans/canary.toml --adopt"),
    ),
    "status": (
        Example("All rollouts, worst first", "rolloutctl status"),
        Example("One, for a script", f"rolloutctl status {_R} --json"),
        Example("Ask the metrics source and the flag server, too", f"rolloutctl status {_R} --live"),
    ),
    "watch": (
        Example("A line per change, until it ends", f"rolloutctl watch {_R}"),
        Example("A JSON object per change", f"rolloutctl watch {_R} --json"),
    ),
    "wait": (
        Example("Until it may advance, for two hours at most", f"rolloutctl wait {_R} --for ready --timeout 2h"),
        Example("Until it has ended in one way or another", f"rolloutctl wait {_R} --for ended"),
    ),
    "explain": (
        Example("Why is it as it is?", f"rolloutctl explain {_R} errors"),
        Example("One segment of a criterion", f"rolloutctl explain {_R} errors/voice"),
    ),
    "advance": (
        Example("Enter the next phase", f"rolloutctl advance {_R}"),
        Example("Only if the next phase is the one meant", f"rolloutctl advance {_R} --to five"),
    ),
    "back": (
        Example("To the phase before", f"rolloutctl back {_R}"),
        Example("To an earlier one", f'rolloutctl back {_R} --to internal --why "cost rises"'),
    ),
    "hold": (Example("Stop the clock while somebody looks", f'rolloutctl hold {_R} --why "voice errors"'),),
    "resume": (Example("Go on", f"rolloutctl resume {_R}"),),
    "approve": (
        Example("The next phase", f"rolloutctl approve {_R}"),
        Example("A phase by name", f"rolloutctl approve {_R} --phase thirty"),
    ),
    "gate": (
        Example("Go: everything on the list is true", f"rolloutctl gate {_R} compliance --go --all-checks"),
        Example("No go", f'rolloutctl gate {_R} compliance --no-go --why "unsigned"'),
    ),
    "postpone": (Example("Once more the same time to look", f'rolloutctl postpone {_R} --why "known alert"'),),
    "abort": (Example("Leave the flag as it is", f'rolloutctl abort {_R} --why "superseded by v8"'),),
    "note": (Example("For whoever reads the journal later", f'rolloutctl note {_R} "mail went out at 10:00"'),),
    "rollback": (
        Example("Back to nobody, verified", f"rolloutctl rollback {_R}"),
        Example("With a reason for the journal", f'rolloutctl rollback {_R} --why "voice errors"'),
        Example("Without any journal", "rolloutctl rollback --plan plans/canary.toml"),
    ),
    "off": (Example("Without journal and plan", f"rolloutctl off unleash {_R} --env production"),),
    "checked": (Example("After looking yourself", f'rolloutctl checked {_R} --why "off in its own page"'),),
    "backtest": (
        Example(
            "Would last night have been judged well?",
            "rolloutctl backtest plans/canary.toml --phase five --start 2026-01-05T22:00Z",
        ),
        Example(
            "The same for a script",
            "rolloutctl backtest canary.toml --phase five --start 2026-01-05T22:00Z --json",
        ),
    ),
    "drive": (
        Example("Whatever nobody drives, until it is ended", "rolloutctl drive"),
        Example("Only this one, as JSON lines", f"rolloutctl drive {_R} --json"),
    ),
    "journal show": (
        Example("The newest events of all rollouts", "rolloutctl journal show"),
        Example("More of one", f"rolloutctl journal show {_R} --limit 200"),
    ),
    "journal follow": (Example("As JSON lines, until interrupted", "rolloutctl journal follow --json"),),
    "journal verify": (
        Example("The config's journal", "rolloutctl journal verify"),
        Example("A copy, against a head seen earlier", 'rolloutctl journal verify copy.db --witness "412 9c0f"'),
    ),
    "journal export": (Example("Into a file that anybody can verify", "rolloutctl journal export"),),
    "journal copy": (
        Example("From a file to a shared database", "rolloutctl journal copy postgresql://rollouts@db.example.com/rollouts"),
        Example("Back into a file", "rolloutctl journal copy /var/backups/journal.db"),
    ),
    "config show": (Example("What is in force, and from where", "rolloutctl config show"),),
    "config path": (Example("Which files are read", "rolloutctl config path"),),
    "config validate": (
        Example("The usual files", "rolloutctl config validate"),
        Example("And one on top of them", "rolloutctl --config team.toml config validate"),
    ),
    "schema plan": (Example("For an editor that checks TOML", "rolloutctl schema plan > plan.schema.json"),),
    "schema config": (Example("For an editor that checks TOML", "rolloutctl schema config > config.schema.json"),),
    "completion": (
        Example("bash, in this shell", 'eval "$(rolloutctl completion bash)"'),
        Example("zsh, in this shell", 'eval "$(rolloutctl completion zsh)"'),
        Example("fish, for good", "rolloutctl completion fish > ~/.config/fish/completions/rolloutctl.fish"),
    ),
    "demo": (
        Example("Five rollouts on the screen, five times as fast as they would be", "rolloutctl demo"),
        Example("Faster, and only the one that goes wrong", "rolloutctl demo --speed 20 --scenario late-regression"),
        Example("Without a screen, to try commands from another terminal", "rolloutctl demo --no-screen"),
    ),
}
