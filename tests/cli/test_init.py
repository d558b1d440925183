"""`init`: what it finds, asks, refuses and writes; that what it writes can be used at once."""

from __future__ import annotations

import http.server
import io
import json
import os
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.__main__ import screen
from rolloutctl.cli.app import run
from rolloutctl.cli.init import guessing, here, running
from rolloutctl.cli.init.answers import ConfigAnswers, PlanAnswers
from rolloutctl.cli.init.texts import config_text, plan_name, plan_text, with_arm
from rolloutctl.cli.init.writing import check
from rolloutctl.demo.prometheus_api import PrometheusApi
from rolloutctl.demo.ready import WorldUrls
from rolloutctl.engine.once import detecting
from rolloutctl.engine.once.detecting import Servers, labels_of, look_here, names_at

SECRET = "*:*.964a287e1b728cb5f4f3e0120df92cb5"
CLIENT = "default:production.be44368985f7fb3237c584ef86f3d6bdada42ddbd63a019d26955178"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if "UNLEASH" in name or "PROM" in name or name.startswith("ROLLOUTCTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("UNLEASH_ADMIN_TOKEN", SECRET)
    monkeypatch.setenv("UNLEASH_API_TOKEN", CLIENT)
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments, screen)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{answer}\n" for answer in answers)))


@contextmanager
def serving(answers: dict[str, Any], status: int = 200) -> Iterator[tuple[int, list[str]]]:
    """A server on loopback that answers paths with JSON (bytes as they are); gives its port and the paths that were asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = answers.get(self.path.partition("?")[0])
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status if body is not None else 404)
            if status in (301, 302):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


BUILD = {"status": "success", "data": {"version": "2.53.0"}}
METRICS = {
    "/api/v1/status/buildinfo": BUILD,
    "/api/v1/label/__name__/values": {
        "status": "success",
        "data": ["go_gc_total", "shop_http_requests_total", "shop_http_request_duration_seconds_bucket", "up"],
    },
    "/api/v1/series": {
        "status": "success",
        "data": [
            {"__name__": "shop_http_requests_total", "pod": "a", "status": "200", "release": "1.9.0"},
            {"__name__": "shop_http_requests_total", "pod": "b", "status": "500", "release": "1.10.0"},
        ],
    },
}


def test_without_questions_both_files_can_be_used_at_once(capsys, tmp_path):
    code, out, _ = said(capsys, "init", "--yes", "--no-detect", "--flag", "Checkout/Ranker", "--operator", "ana.ruiz", "--json")
    assert code == 0
    told = json.loads(out)
    config, plan = Path(told["config"]), Path(told["plan"])
    assert config == tmp_path / "config" / "rolloutctl" / "config.toml"
    assert plan == Path("checkout-ranker.toml")
    assert told["set"] == []
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.parent.stat().st_mode & 0o777 == 0o700
    assert said(capsys, "config", "validate")[0] == 0
    code, out, _ = said(capsys, "check", str(plan), "--strict")
    assert (code, out) == (0, f"{plan}: clean\n")
    written = tomllib.loads(config.read_text())
    assert written["operator"]["name"] == "ana.ruiz"
    assert written["providers"]["unleash"]["auth"]["token"] == {"env": "UNLEASH_ADMIN_TOKEN"}
    assert written["providers"]["unleash"]["client_auth"]["token"] == {"env": "UNLEASH_API_TOKEN"}
    assert tomllib.loads(plan.read_text())["flag"]["key"] == "Checkout/Ranker"


def test_no_token_is_written_or_said(capsys, tmp_path):
    code, out, err = said(capsys, "init", "--yes", "--no-detect", "--flag", "f")
    assert code == 0
    texts = [out, err, *(path.read_text() for path in tmp_path.rglob("*.toml"))]
    assert len(texts) == 4
    for text in texts:
        assert SECRET not in text
        assert CLIENT not in text


def test_a_token_instead_of_a_name_is_refused_without_repeating_it(capsys, tmp_path):
    code, out, err = said(capsys, "init", "--yes", "--no-detect", "--flag", "f", "--unleash-token", SECRET)
    assert code == 2
    assert "never the token itself" in err
    assert SECRET not in out + err
    assert not list(tmp_path.rglob("*.toml"))


def test_it_says_which_variables_are_to_be_set(capsys, monkeypatch):
    monkeypatch.delenv("UNLEASH_ADMIN_TOKEN")
    monkeypatch.delenv("UNLEASH_API_TOKEN")
    code, _, err = said(capsys, "init", "--yes", "--no-detect", "--flag", "f")
    assert code == 0
    assert "export UNLEASH_TOKEN=" in err


def test_names_are_taken_from_a_prometheus_that_answers(capsys, tmp_path):
    with serving(METRICS) as (port, asked):
        url = f"http://127.0.0.1:{port}"
        code, _, err = said(capsys, "init", "ops", "--yes", "--prometheus", url, "--unleash", url, "--flag", "f")
    assert code == 0, err
    assert f"Reading metric names from {url}" in err
    assert not [path for path in asked if "health" in path], "both servers were named: nothing is looked for"
    plan = tomllib.loads((tmp_path / "ops" / "f.toml").read_text())
    assert plan["metrics"]["requests"] == "shop_http_requests_total{$arm}"
    assert (plan["metrics"]["canary"], plan["metrics"]["baseline"]) == ('release="1.10.0"', 'release="1.9.0"')
    assert plan["metrics"]["host"] == "pod"
    assert plan["criteria"][0]["bad"] == 'shop_http_requests_total{status=~"5..",$arm}'
    assert "shop_http_request_duration_seconds_bucket{$arm}" in plan["criteria"][2]["expr"]
    assert said(capsys, "--config", "ops/rolloutctl.toml", "check", "ops/f.toml", "--strict")[0] == 0


def test_the_demos_prometheus_is_understood(demo_world: WorldUrls):
    names = names_at(demo_world.metrics_url, None)
    assert names is not None
    assert guessing.requests(names.counters) == "http_requests_total"
    assert guessing.latency(names.buckets, "http_requests_total") == "http_request_duration_seconds_bucket"
    labels = labels_of(demo_world.metrics_url, None, "http_requests_total")
    assert guessing.arm(labels) == "version"
    assert guessing.arms(labels["version"]) == ("7.2.0", "6.9.4")
    assert guessing.errors(labels) == 'code=~"5.."'
    assert PrometheusApi.__module__.startswith("rolloutctl.demo")


def test_what_runs_on_this_machine_is_found():
    with serving({"/api/v1/status/buildinfo": BUILD}) as (metrics, _), serving({"/health": {"health": "GOOD"}}) as (flags, _):
        assert look_here([1, metrics], [1, flags]) == Servers(f"http://127.0.0.1:{metrics}", f"http://127.0.0.1:{flags}")
        assert look_here([flags], [metrics]) == Servers()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"<html>", 200), (b"[" * 100_000, 200), (b"{}", 200), (b'"x"', 200), (b"null", 200), (BUILD, 302), (BUILD, 503)],
)
def test_whatever_else_answers_is_not_taken_for_one(body, status):
    paths = ("/api/v1/status/buildinfo", "/health", "/api/v1/label/__name__/values", "/api/v1/series")
    with serving(dict.fromkeys(paths, body), status) as (port, asked):
        assert look_here([port], [port]) == Servers()
        assert names_at(f"http://127.0.0.1:{port}", None) is None
        assert labels_of(f"http://127.0.0.1:{port}", None, "x") == {}
    assert "/elsewhere" not in asked


def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(detecting, "_LARGEST", 1000)
    with serving({"/api/v1/label/__name__/values": {"status": "success", "data": ["x" * 5000]}}) as (port, _):
        assert names_at(f"http://127.0.0.1:{port}", None) is None


def test_a_bearer_token_goes_to_the_named_prometheus_only(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PROM_TOKEN", "prom-secret")
    seen: list[str | None] = []
    monkeypatch.setattr(running, "names_at", lambda url, token: seen.append(f"{url} {token}"))
    options = ["--prometheus", "https://prom.example.com/", "--unleash", "https://flags.example.com", "--flag", "f"]
    code, _, err = said(capsys, "init", "--yes", *options)
    assert code == 0
    assert seen == ["https://prom.example.com prom-secret"]
    assert "prom-secret" not in err
    written = tomllib.loads((tmp_path / "config" / "rolloutctl" / "config.toml").read_text())
    assert written["sources"]["prometheus"]["auth"] == {"type": "bearer", "token": {"env": "PROM_TOKEN"}}


def test_without_detect_nothing_is_asked(capsys, monkeypatch):
    for name in ("look_here", "names_at", "labels_of"):
        monkeypatch.setattr(running, name, lambda *_: pytest.fail("the network was used"))
    assert said(capsys, "init", "--yes", "--no-detect", "--flag", "f")[0] == 0


def test_looking_is_announced_and_asked_for_first(capsys, monkeypatch):
    monkeypatch.setattr(running, "look_here", lambda: pytest.fail("the network was used"))
    monkeypatch.setattr(running, "names_at", lambda *_: None)
    typed(monkeypatch, "n")
    code, _, err = said(capsys, "init")
    assert code == 2
    assert "Look for Prometheus and Unleash on this machine (127.0.0.1:9090, 127.0.0.1:4242)? [Y/n]" in err
    assert "the answers have ended" in err


def test_a_person_is_asked_and_wrong_answers_are_asked_again(capsys, monkeypatch, tmp_path):
    with serving(METRICS) as (port, _):
        url = f"http://127.0.0.1:{port}"
        monkeypatch.setattr(running, "look_here", lambda: Servers(prometheus=url))
        answers = [
            "",
            "ana",
            "Mars/Base",
            "Europe/Madrid",
            "",
            "",
            "flags.example.com",
            "https://flags.example.com",
            "",
            "",
            "",
            "",
        ]
        typed(monkeypatch, *answers, "", "Big Flag", "", "", "", "1.10.0", "1.10.0", "1.9.0", "-", "", "-")
        code, out, err = said(capsys, "init")
    assert code == 0, err
    assert "no such time zone is known" in err
    assert "begins with http:// or https://" in err
    assert "canary and baseline must differ" in err
    assert "counters: go_gc_total, shop_http_requests_total" in err
    assert "values of release: 1.10.0, 1.9.0" in err
    assert out.splitlines() == [str(tmp_path / "config" / "rolloutctl" / "config.toml"), "big-flag.toml"]
    plan = tomllib.loads(Path("big-flag.toml").read_text())
    assert plan["flag"]["key"] == "Big Flag"
    assert "host" not in plan["metrics"]
    assert len(plan["criteria"]) == 2
    assert said(capsys, "check", "big-flag.toml", "--strict")[0] == 0
    assert said(capsys, "config", "validate")[0] == 0


def test_nothing_is_overwritten(capsys, tmp_path):
    Path("f.toml").write_text("mine")
    code, _, err = said(capsys, "init", "--yes", "--no-detect", "--flag", "f")
    assert code == 2
    assert "f.toml is there already and is not overwritten" in err
    assert not (tmp_path / "config").exists()
    assert Path("f.toml").read_text() == "mine"
    Path("mine.toml").symlink_to("nowhere.toml")
    code, _, err = said(capsys, "--config", "mine.toml", "init", "--yes", "--no-detect", "--flag", "g")
    assert code == 2
    assert "mine.toml is there already" in err
    assert not Path("nowhere.toml").exists()


def test_both_or_neither(capsys, tmp_path, monkeypatch):
    Path("blocked").write_text("a file where a folder is needed")
    code, _, err = said(capsys, "--config", "blocked/config.toml", "init", "--yes", "--no-detect", "--flag", "f")
    assert code in (1, 2)
    assert "blocked" in err
    assert not Path("f.toml").exists()


def test_without_a_terminal_it_wants_yes(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    code, _, err = said(capsys, "init")
    assert code == 2
    assert "--yes" in err
    code, _, err = said(capsys, "init", "--yes", "--no-detect")
    assert code == 2
    assert "--flag" in err


def test_tokens_are_told_apart_by_what_they_look_like():
    assert here.tokens({"UNLEASH_ADMIN_TOKEN": SECRET, "UNLEASH_API_TOKEN": CLIENT}) == here.Tokens(
        "UNLEASH_ADMIN_TOKEN", "UNLEASH_API_TOKEN", ""
    )
    assert here.tokens({"UNLEASH_PAT": "user:0123", "UNLEASH_API_KEY": "opaque"}).admin == "UNLEASH_PAT"
    assert here.tokens({"UNLEASH_TOKEN": "opaque"}) == here.Tokens("UNLEASH_TOKEN", "", "")
    assert here.tokens({"UNLEASH_CLIENT_TOKEN": "opaque", "UNLEASH_URL": "x", "UNLEASH_TOKEN": ""}) == here.Tokens()
    assert here.tokens({"PROMETHEUS_TOKEN": "x"}).prometheus == "PROMETHEUS_TOKEN"


def test_the_zone_is_this_machines(tmp_path):
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Madrid")
    assert here.timezone({}, link) == "Europe/Madrid"
    assert here.timezone({"TZ": ":Asia/Tokyo"}, link) == "Asia/Tokyo"
    assert here.timezone({"TZ": "nowhere"}, tmp_path / "none") == ""


def test_guesses():
    assert guessing.requests(["go_requests_total", "a_http_requests_total"]) == "a_http_requests_total"
    assert guessing.requests(["x_total"]) == ""
    assert guessing.arms(["1.9", "1.10"]) == ("1.10", "1.9")
    assert guessing.arms(["stable", "canary"]) == ("canary", "stable")
    assert guessing.arms(["1.9"]) == ("", "1.9")
    assert guessing.arms([]) == ("", "")
    assert guessing.arm({"track": ("a", "b"), "version": ("1",)}) == "track"
    assert guessing.errors({"code": ("2xx", "5xx")}) == 'code="5xx"'
    assert guessing.errors({"outcome": ("SUCCESS", "ERROR")}) == 'outcome="ERROR"'
    assert guessing.errors({}) == ""


def test_the_arm_goes_between_the_braces():
    assert with_arm("a_total") == "a_total{$arm}"
    assert with_arm('a_total{job="x"}', 'code="5"') == 'a_total{job="x",code="5",$arm}'
    assert with_arm("a_total{}") == "a_total{$arm}"
    assert plan_name("My Flag!") == "my-flag"
    assert plan_name("¿?") == "rollout"


PLAIN = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)
LABELS = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)


@given(
    operator=PLAIN,
    flag=PLAIN,
    canary=PLAIN,
    project=PLAIN,
    arm=LABELS,
    host=st.just("") | LABELS,
    segment=st.just("") | LABELS,
    environment=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    job=PLAIN,
    latency=st.sampled_from(["", "x_seconds_bucket"]),
    client=st.sampled_from(["", "CLIENT"]),
)
def test_whatever_is_answered_both_files_are_readable_and_clean(
    operator, flag, canary, project, arm, host, segment, environment, job, latency, client
):
    requests = "a_total{job=" + json.dumps(job, ensure_ascii=False) + "}"
    config = ConfigAnswers(operator, "", "http://a", client, "http://b", "TOKEN", client, project, environment)
    plan = PlanAnswers(operator, flag, environment, requests, 'code="5"', latency, arm, canary, f"not-{canary}", host, segment)
    check(config_text(config), plan_text(plan))
    written = tomllib.loads(config_text(config))
    assert written["operator"]["name"] == operator
    assert written["providers"]["unleash"]["project"] == project
    assert list(written["environments"]) == [environment]
    assert tomllib.loads(plan_text(plan))["flag"]["key"] == flag
