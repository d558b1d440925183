"""Whether anything was changed at all: the head of the event log, where there is one that may be read."""

from flags.parts import TARGET, cohort
from flags.test_unleash import foreign_edit, stepped
from flags.unleash_model import UnleashModel
from rolloutctl.ports import TellsChanges


async def test_it_moves_with_every_change_and_with_nothing_else() -> None:
    model = UnleashModel()
    provider = await stepped(model, cohort(5))
    assert isinstance(provider, TellsChanges)
    before = await provider.newest_change()
    await provider.read(TARGET)
    assert await provider.newest_change() == before != ""
    foreign_edit(model, "50")
    assert await provider.newest_change() != before


async def test_an_older_server_does_not_tell() -> None:
    provider = await stepped(UnleashModel(search_events=False), cohort(5))
    assert await provider.newest_change() == ""
