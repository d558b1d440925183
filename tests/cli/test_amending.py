"""`amend`, signed approvals and what `journal verify` says of them, by commands alone."""

from __future__ import annotations

from cli.test_rollout import NO_GATE, begun
from cli.worlds import Bench
from servers.ssh_keys import key_pair


def test_an_amendment_from_its_look_to_the_status(bench: Bench) -> None:
    begun(bench)
    same = str(bench.write(plan=NO_GATE))
    looked = bench.run("amend", bench.name, same, "--dry-run")
    assert looked.code == 6
    assert "nothing to amend" in looked.err
    longer = str(bench.write(plan=NO_GATE.replace('bake = "1s"', 'bake = "2s"')))
    looked = bench.run("amend", bench.name, longer, "--dry-run", "--json")
    assert looked.code == 0
    assert [(change["key"], change["loosens"]) for change in looked.json["changes"]] == [("phases.everyone.bake", False)]
    assert bench.run("amend", bench.name, longer).code == 2
    done = bench.run("amend", bench.name, longer, "--why", "the night is quieter")
    assert done.code == 0, done.err
    assert 'phases.everyone.bake: "1s" → "2s"' in done.out
    assert "amended once" in bench.run("status", bench.name).out
    assert bench.percent() is None
    looser = str(bench.write(plan=NO_GATE.replace("min = 0", "min = -1")))
    refused = bench.run("amend", bench.name, looser, "--why", "x")
    assert refused.code == 6, refused.out
    assert bench.run("journal", "verify").code == 0


def test_a_signed_gate_is_verified_and_one_that_was_not_is_told(bench: Bench) -> None:
    assert bench.run("start", str(bench.write())).code == 0
    unsigned = bench.run("gate", bench.name, "legal", "--no-go", "--why", "later")
    assert unsigned.code == 0, unsigned.err
    assert "gate legal no-go: ana (unauthenticated)" in bench.run("status", bench.name).out
    pair = key_pair(bench.folder, "ana")
    text = (
        bench.config().read_text().replace("[operators.ana]", f'signing_key = "ana"\n[operators.ana]\nssh_key = "{pair.public}"')
    )
    signing = bench.folder / "signing.toml"
    signing.write_text(text)
    done = bench.run("gate", bench.name, "legal", "--go", "--all-checks", config=signing)
    assert done.code == 0, done.err
    assert "gate legal go: ana\n" in bench.run("status", bench.name, config=signing).out
    shown = bench.run("journal", "show", bench.name, config=signing).out
    assert "ana signs gate legal: no-go (unauthenticated): later" in shown
    assert "ana signs gate legal: go (signed, SHA256:" in shown
    verified = bench.run("journal", "verify", "--json", config=signing)
    assert (verified.code, verified.json["signed"], verified.json["unauthenticated"]) == (0, 1, 1)
    assert "made for that very rollout" in verified.json["claims"]
    assert "Signatures were not looked at" in bench.run("journal", "verify", "--json").json["claims"]
    other = bench.folder / "other.toml"
    other.write_text(text.replace(pair.public, key_pair(bench.folder, "other").public))
    found = bench.run("journal", "verify", config=other)
    assert found.code == 1
    assert "does not name for ana" in found.out
