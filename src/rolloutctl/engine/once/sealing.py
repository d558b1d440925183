"""Starting a rollout: everything that can be wrong is found before the seal; the seal itself is one event."""

from __future__ import annotations

from rolloutctl.engine.world.world import World
from rolloutctl.errors import Failed, InvalidInput, Refused
from rolloutctl.model.cohort import CohortState, Target
from rolloutctl.model.events import RolloutEnded, RolloutSealed
from rolloutctl.model.fold import fold
from rolloutctl.model.kinds import Action, rollout_stream
from rolloutctl.model.state import RolloutState
from rolloutctl.plan.canonical import plan_digest
from rolloutctl.plan.model import Plan
from rolloutctl.policy.permission import refusal
from rolloutctl.ports import Journal
from rolloutctl.runbook.digest import exec_digest
from rolloutctl.runbook.read import RunbookFile


def target_of(world: World, plan: Plan) -> Target:
    provider = world.config.providers.get(plan.flag.provider)
    project = plan.flag.project or (provider.project if provider is not None else "default")
    return Target(
        provider=plan.flag.provider,
        key=plan.flag.key,
        environment=plan.flag.environment,
        project=project,
        stickiness=plan.flag.stickiness,
    )


async def seal(world: World, plan: Plan, text: str, *, adopt: bool, runbook: RunbookFile | None = None) -> RolloutState:
    """Append `rollout.sealed` and return the new rollout's state. `runbook`: the one that the plan names.

    Raises Refused (role, the flag is on, another active rollout of the flag), InvalidInput (names the config lacks) or
    ProviderUnreachable; nothing is journalled then.
    """
    why = refusal(world.config, world.author.actor, plan.flag.environment, Action.ADVANCE)
    if why:
        raise Refused(why)
    declared = world.config.environments.get(plan.flag.environment)
    if declared is not None and {"sources", "providers"} & declared.overrides.keys():
        raise Refused(
            f"the environment {plan.flag.environment} overrides a source or provider, which only runs of runbooks heed.",
            remedy="For rollouts there, write the other server into a config of its own and give it with --config.",
        )
    if (runbook.runbook.id if runbook is not None else None) != plan.rollback.runbook:
        raise InvalidInput(f"the plan's runbook {plan.rollback.runbook} was not given.", remedy="Start it by its file.")
    world.source(plan.metrics.source)
    target = target_of(world, plan)
    snapshot = await world.provider(target.provider).read(target)
    if snapshot.enabled and not adopt:
        raise Refused(
            f"{target} is not off: it is {snapshot}.",
            remedy="A rollout starts from off. Turn the flag off, or take the state it has as the snapshot with --adopt.",
        )
    return await world.journal.call(lambda journal: _seal(journal, world, plan, text, target, snapshot, runbook))


def _seal(
    journal: Journal,
    world: World,
    plan: Plan,
    text: str,
    target: Target,
    snapshot: CohortState,
    runbook: RunbookFile | None,
) -> RolloutState:
    states = rollouts(journal)
    _refuse_second(states, target)
    attempt = 1 + max((state.attempt for state in states if state.plan == plan.name), default=0)
    body = RolloutSealed(
        plan=plan.name,
        attempt=attempt,
        title=plan.shown,
        owner=plan.owner,
        target=target,
        plan_digest=plan_digest(plan),
        plan_blob=journal.put_blob(text.encode()),
        snapshot=snapshot,
        source=plan.metrics.source,
        runbook=runbook.runbook.id if runbook is not None else "",
        runbook_digest=exec_digest(runbook.runbook) if runbook is not None else "",
        runbook_blob=journal.put_blob(runbook.text.encode()) if runbook is not None else "",
    )
    stream = rollout_stream(plan.name, attempt)
    event = journal.append(stream, body, world.author)
    first = journal.read(stream)[0]
    if first.seq != event.seq:
        raise Refused(
            f"{plan.name}#{attempt} was started by {first.actor} at the same moment.", remedy="Look with `rolloutctl status`."
        )
    others = [state for state in rollouts(journal) if state.id != f"{plan.name}#{attempt}" and state.seq < event.seq]
    try:
        _refuse_second(others, target)
    except Refused as error:
        ended = RolloutEnded(status="ABORTED", reason=f"nothing was changed: {error.message}", at=event.at)
        journal.append(stream, ended, world.author)
        raise
    state = fold(journal.read(stream))
    if state is None:
        raise Failed(f"{stream} was sealed and cannot be read back.")
    return state


def rollouts(journal: Journal) -> list[RolloutState]:
    """The fold of every rollout in the journal."""
    states = (fold(journal.read(stream)) for stream in journal.streams())
    return [state for state in states if state is not None]


def _refuse_second(states: list[RolloutState], target: Target) -> None:
    for state in states:
        same = (state.target.provider, state.target.project, state.target.environment, state.target.key) == (
            target.provider,
            target.project,
            target.environment,
            target.key,
        )
        if same and not state.status.final:
            raise Refused(
                f"{state.id} is {state.status.words} on {target}; one active rollout per flag.",
                remedy=f"End it first: `rolloutctl rollback {state.id}` or `rolloutctl abort {state.id}`.",
            )


def find(states: list[RolloutState], name: str) -> RolloutState:
    """`name#n`, or `name` for its newest attempt. Raises InvalidInput naming what there is."""
    exact = [state for state in states if state.id == name]
    newest = sorted((state for state in states if state.plan == name), key=lambda state: state.attempt)
    if exact or newest:
        return (exact or newest)[-1]
    known = ", ".join(state.id for state in states[-8:]) or "none yet"
    raise InvalidInput(
        f'there is no rollout "{name}" in this journal.', remedy=f"Rollouts: {known}. Start one with `rolloutctl start PLAN`."
    )
