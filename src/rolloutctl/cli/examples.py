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
        Example("Although nobody has rehearsed the way back", f'rolloutctl advance {_R} --break-glass "INC-7: fix needed now"'),
    ),
    "back": (
        Example("To the phase before", f"rolloutctl back {_R}"),
        Example("To an earlier one", f'rolloutctl back {_R} --to internal --why "cost rises"'),
    ),
    "hold": (Example("Stop the clock while somebody looks", f'rolloutctl hold {_R} --why "voice errors"'),),
    "resume": (Example("Go on", f"rolloutctl resume {_R}"),),
    "amend": (
        Example("Show what differs", f"rolloutctl amend {_R} plan.toml --dry-run"),
        Example("Approve exactly this plan", f"rolloutctl amend {_R} plan.toml --approve"),
        Example("Put it in force", f'rolloutctl amend {_R} plan.toml --why "the night is quieter"'),
    ),
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
    "runbook list": (Example("Which there are, and how their rehearsals stand", "rolloutctl runbook list"),),
    "runbook show": (
        Example("What it does", "rolloutctl runbook show checkout-flag-kill"),
        Example("The page for the wiki", "rolloutctl runbook show checkout-flag-kill --md > kill.md"),
        Example("A checklist for the drawer", "rolloutctl runbook show checkout-flag-kill --offline > kill.txt"),
    ),
    "runbook check": (
        Example("Is it sound?", "rolloutctl runbook check runbooks/checkout-flag-kill.toml"),
        Example("In CI; warnings fail it", "rolloutctl runbook check runbooks/*.toml --strict"),
    ),
    "runbook run": (
        Example(
            "What would it do? Nothing is changed",
            "rolloutctl runbook run kill --mode plan --env staging --flag unleash/ranker-v7",
        ),
        Example(
            "Rehearse it, with a flag server that is not available at first",
            "rolloutctl runbook run kill --mode rehearse --env staging --inject off=503@1",
        ),
        Example(
            "Live, on a rollout's own flag",
            "rolloutctl runbook run kill --mode live --env production --rollout ranker-v7",
        ),
    ),
    "runbook resume": (
        Example("Go on where it was ended", "rolloutctl runbook resume kill-20260105-100000-k7q2"),
        Example("End it for good", 'rolloutctl runbook resume kill-20260105-100000-k7q2 --end "done by hand"'),
    ),
    "runbook runs": (Example("Every run, and what came of it", "rolloutctl runbook runs"),),
    "rehearsal check": (
        Example("In CI: is every way back proved?", "rolloutctl rehearsal check --max-age 30d"),
        Example("One runbook, in staging alone", "rolloutctl rehearsal check kill.toml --env staging --json"),
    ),
    "rehearsal list": (Example("All of them, with their times", "rolloutctl rehearsal list"),),
    "undo": (Example("Everything the run did, newest first", "rolloutctl undo kill-20260105-100000-k7q2"),),
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
        Example(
            "Is the plan calm in two quiet weeks?",
            "rolloutctl backtest canary.toml --phase five --since 14d --every 6h",
        ),
        Example(
            "Would it have caught the last incident?",
            "rolloutctl backtest canary.toml --phase five --incident 2026-01-05T10:00Z..2h",
        ),
    ),
    "replay": (
        Example("Does the journal's evidence still say so?", "rolloutctl replay 412"),
        Example("From an export, on another machine", "rolloutctl replay 412 --file journal.jsonl --json"),
    ),
    "drive": (
        Example("Whatever nobody drives, until it is ended", "rolloutctl drive"),
        Example("Only this one, as JSON lines", f"rolloutctl drive {_R} --json"),
        Example("With figures for Prometheus and health for whoever restarts it", "rolloutctl drive --listen 127.0.0.1:9464"),
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
    "journal witness": (
        Example("Number and hash of the newest event, into a file on another machine", "rolloutctl journal witness"),
    ),
    "journal export": (Example("Into a file that anybody can verify", "rolloutctl journal export"),),
    "journal copy": (
        Example("From a file to a shared database", "rolloutctl journal copy postgresql://rollouts@db.example.com/rollouts"),
        Example("Back into a file", "rolloutctl journal copy /var/backups/journal.db"),
    ),
    "doctor": (
        Example("Is everything there that it needs?", "rolloutctl doctor"),
        Example("What does not answer, for a script", "rolloutctl doctor --json"),
    ),
    "channel test": (
        Example("Would people hear of it?", "rolloutctl channel test release"),
        Example("Page whoever is on call", "rolloutctl channel test oncall --matter open"),
        Example("And end that", "rolloutctl channel test oncall --matter closed"),
    ),
    "config show": (Example("What is in force, and from where", "rolloutctl config show"),),
    "config path": (Example("Which files are read", "rolloutctl config path"),),
    "config validate": (
        Example("The usual files", "rolloutctl config validate"),
        Example("And one on top of them", "rolloutctl --config team.toml config validate"),
    ),
    "schema plan": (Example("For an editor that checks TOML", "rolloutctl schema plan > plan.schema.json"),),
    "schema runbook": (Example("For an editor that checks TOML", "rolloutctl schema runbook > runbook.schema.json"),),
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
