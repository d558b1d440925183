"""The servers that other tests rely on do what those tests take for granted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from servers.evaluation import enabled_users
from servers.faultproxy import FaultProxy, running_fault_proxy
from servers.faults import (
    Delay,
    DelayAnswer,
    Html,
    HugeBody,
    LoseAnswer,
    LoseRequest,
    ResetBefore,
    SlowDrip,
    Status,
    TruncatedJson,
    WrongState,
)
from servers.leftovers import clear_leftovers
from servers.places import CHECKOUT, free_port
from servers.process import ServerProcess, ServerStartError
from servers.prometheus import PrometheusServer, running_prometheus
from servers.unleash import UnleashServer

USERS = [f"user-{number}" for number in range(2000)]
BODY = b'{"answer": "of the server behind"}'


def eventually(condition: Callable[[], object], within_s: float = 15.0) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, f"not within {within_s:g} s"
        time.sleep(0.05)


@contextlib.contextmanager
def served(body: bytes, content_type: str) -> Iterator[str]:
    """A server that answers everything with `body`; yields HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response_only(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_GET  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def query(prometheus: PrometheusServer, promql: str) -> list[tuple[dict[str, str], float]]:
    answer = httpx.get(f"{prometheus.url}/api/v1/query", params={"query": promql}, timeout=2).json()
    return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]


class TestPrometheus:
    METRICS = b'orders_total{instance="canary-1",version="v2"} 42\n'

    @pytest.fixture
    def prometheus(self, prometheus_binary: Path, tmp_path: Path) -> Iterator[PrometheusServer]:
        with (
            served(self.METRICS, "text/plain; version=0.0.4") as target,
            running_prometheus([target], work=tmp_path) as server,
        ):
            yield server

    def test_scrapes_its_target_and_answers_and_survives_pause_and_restart(self, prometheus: PrometheusServer) -> None:
        eventually(lambda: query(prometheus, "orders_total"))
        labels = {"__name__": "orders_total", "instance": "canary-1", "version": "v2", "job": "service"}
        assert query(prometheus, "orders_total") == [(labels, 42.0)]

        prometheus.pause()
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{prometheus.url}/-/ready", timeout=0.3)
        prometheus.resume()
        eventually(prometheus.is_ready)

        before = prometheus.pid
        prometheus.restart()
        assert prometheus.pid != before
        assert query(prometheus, "count_over_time(orders_total[1h]) > 0"), "the data outlive a restart"

    def test_reads_a_changed_config(self, prometheus: PrometheusServer) -> None:
        config = json.loads(prometheus.config.read_text())
        config["scrape_configs"][0]["job_name"] = "renamed"
        prometheus.config.write_text(json.dumps(config))
        prometheus.reload()
        eventually(lambda: query(prometheus, 'orders_total{job="renamed"}'))

        prometheus.config.write_text("neither YAML nor: a: config")
        with pytest.raises(httpx.HTTPStatusError):
            prometheus.reload()


class TestUnleash:
    def test_a_flag_at_30_percent_is_on_for_about_30_percent_of_users(
        self, unleash_server: UnleashServer, unleash_flag: str
    ) -> None:
        unleash_server.create_flag(unleash_flag)
        feature = f"/api/admin/projects/default/features/{unleash_flag}/environments/production"
        parameters = {"rollout": "30", "stickiness": "userId", "groupId": unleash_flag}
        strategy = {"name": "flexibleRollout", "parameters": parameters, "constraints": [], "segments": []}
        assert unleash_server.request("POST", f"{feature}/strategies", strategy).status_code == 200
        assert unleash_server.request("POST", f"{feature}/on").status_code == 200

        eventually(lambda: enabled_users(unleash_server.client_features(), unleash_flag, USERS))
        share = len(enabled_users(unleash_server.client_features(), unleash_flag, USERS)) / len(USERS)
        assert 0.26 < share < 0.34
        assert not enabled_users(unleash_server.client_features("development"), unleash_flag, USERS)

        assert unleash_server.request("POST", f"{feature}/off").status_code == 200
        eventually(lambda: not enabled_users(unleash_server.client_features(), unleash_flag, USERS))

    def test_the_engine_does_not_take_an_unknown_flag_for_one_that_is_off(self, unleash_server: UnleashServer) -> None:
        with pytest.raises(LookupError):
            enabled_users(unleash_server.client_features(), "nobody-made-this", USERS[:1])

    def test_tokens_open_only_their_own_doors(self, unleash_server: UnleashServer) -> None:
        admin = "/api/admin/environments"
        assert unleash_server.request("GET", admin).status_code == 200
        assert unleash_server.request("GET", admin, token="*:*.wrong").status_code == 401
        assert unleash_server.request("GET", admin, token=unleash_server.client_token()).status_code == 403
        frontend = unleash_server.request("GET", "/api/frontend", token=unleash_server.frontend_token())
        assert frontend.status_code == 200

    def test_survives_a_crash_with_its_data(self, unleash_server: UnleashServer, unleash_flag: str) -> None:
        unleash_server.create_flag(unleash_flag)
        unleash_server.kill()
        with pytest.raises(httpx.ConnectError):
            unleash_server.request("GET", "/api/admin/environments")
        unleash_server.restart()
        found = unleash_server.request("GET", f"/api/admin/projects/default/features/{unleash_flag}")
        assert found.json()["name"] == unleash_flag

    def test_hangs_while_its_database_is_paused(self, unleash_server: UnleashServer, unleash_flag: str) -> None:
        unleash_server.create_flag(unleash_flag)
        path = f"/api/admin/projects/default/features/{unleash_flag}"
        unleash_server.pause_database()
        with pytest.raises(httpx.ReadTimeout):
            unleash_server.request("GET", path, timeout_s=0.5)
        unleash_server.resume_database()
        assert unleash_server.request("GET", path).status_code == 200

    def test_is_repaired_after_losing_its_database(self, unleash_server: UnleashServer) -> None:
        unleash_server.stop_database()
        assert not unleash_server.is_ready()
        unleash_server.repair()
        assert unleash_server.is_ready()

    def test_neither_server_runs_as_root(self, unleash_server: UnleashServer) -> None:
        pids = (unleash_server.pid, unleash_server.database.pid)
        assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in pids)


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with served(BODY, "application/json") as behind, running_fault_proxy(f"http://{behind}") as running:
        yield running


def get(proxy: FaultProxy, timeout_s: float = 5.0) -> httpx.Response:
    return httpx.get(f"{proxy.url}/thing?a=b", timeout=timeout_s, trust_env=False)


class TestFaultProxy:
    def test_passes_and_records(self, proxy: FaultProxy) -> None:
        answer = httpx.post(f"{proxy.url}/thing?a=b", content=b"sent", trust_env=False)
        assert (answer.status_code, answer.content) == (200, BODY)
        assert answer.headers["content-type"] == "application/json"
        assert proxy.arrived == proxy.reached
        assert [(r.method, r.path, r.body) for r in proxy.reached] == [("POST", "/thing?a=b", b"sent")]

    def test_loses_a_request(self, proxy: FaultProxy) -> None:
        proxy.script(LoseRequest())
        with pytest.raises(httpx.RemoteProtocolError):
            get(proxy)
        assert (len(proxy.arrived), len(proxy.reached)) == (1, 0)
        assert get(proxy).content == BODY, "only the next request is hit"

    def test_loses_an_answer(self, proxy: FaultProxy) -> None:
        proxy.script(LoseAnswer())
        with pytest.raises(httpx.RemoteProtocolError):
            get(proxy)
        assert (len(proxy.arrived), len(proxy.reached)) == (1, 1)

    def test_resets(self, proxy: FaultProxy) -> None:
        proxy.script(ResetBefore())
        with pytest.raises(httpx.ReadError) as reset:
            get(proxy)
        assert "reset" in repr(reset.getrepr(chain=True)).lower() or "104" in str(reset.value)
        assert proxy.reached == ()

    def test_delays_so_that_the_request_lands_after_its_caller_gave_up(self, proxy: FaultProxy) -> None:
        proxy.script(Delay(0.5))
        with pytest.raises(httpx.ReadTimeout):
            get(proxy, timeout_s=0.1)
        assert proxy.reached == ()
        proxy.wait_for(reached=1)

    def test_holds_an_answer_back(self, proxy: FaultProxy) -> None:
        proxy.script(DelayAnswer(0.5))
        with pytest.raises(httpx.ReadTimeout):
            get(proxy, timeout_s=0.3)
        assert len(proxy.reached) == 1

    def test_answers_with_a_status(self, proxy: FaultProxy) -> None:
        proxy.script(Status(429, b"slow down", {"Retry-After": "7"}))
        answer = get(proxy)
        assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (429, b"slow down", "7")
        assert proxy.reached == ()

    def test_answers_with_a_page(self, proxy: FaultProxy) -> None:
        proxy.script(Html())
        answer = get(proxy)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert proxy.reached == ()

    def test_truncates_json(self, proxy: FaultProxy) -> None:
        proxy.script(TruncatedJson())
        answer = get(proxy)
        assert answer.content == BODY[: len(BODY) // 2]
        with pytest.raises(json.JSONDecodeError):
            answer.json()

    def test_drips(self, proxy: FaultProxy) -> None:
        proxy.script(SlowDrip(0.02))
        started = time.monotonic()
        assert get(proxy, timeout_s=0.5).content == BODY, "no single read waits long"
        assert time.monotonic() - started > 0.02 * len(BODY)

    def test_sends_a_huge_body(self, proxy: FaultProxy) -> None:
        proxy.script(HugeBody(1_000_000))
        answer = get(proxy)
        assert len(answer.content) == 1_000_000
        assert set(answer.json()) == {"x"}
        assert proxy.reached == ()

    def test_lies(self, proxy: FaultProxy) -> None:
        proxy.script(WrongState(b'{"enabled": false}'))
        assert get(proxy).json() == {"enabled": False}
        assert proxy.reached == ()

    def test_refuses_and_comes_back_on_the_same_port(self, proxy: FaultProxy) -> None:
        with proxy.refuse(), pytest.raises(httpx.ConnectError):
            get(proxy)
        assert get(proxy).content == BODY
        assert len(proxy.arrived) == 1

    def test_a_rule_hits_only_what_it_names_and_only_so_often(self, proxy: FaultProxy) -> None:
        proxy.script(Status(500), method="PATCH", path="/strategies", times=2)
        proxy.script(Status(404), path="/other", times=None)

        def send(method: str, path: str) -> int:
            return httpx.request(method, proxy.url + path, trust_env=False).status_code

        assert [send("GET", "/strategies"), send("PATCH", "/x"), send("PATCH", "/strategies")] == [200, 200, 500]
        assert [send("PATCH", "/strategies"), send("PATCH", "/strategies")] == [500, 200]
        assert [send("GET", "/other/1"), send("GET", "/other/2")] == [404, 404]
        proxy.clear()
        assert send("GET", "/other/1") == 200

    def test_waiting_for_a_request_that_does_not_come_ends(self, proxy: FaultProxy) -> None:
        with pytest.raises(TimeoutError, match="0 arrived"):
            proxy.wait_for(arrived=1, timeout_s=0.05)


class TestServerProcess:
    def test_a_failed_start_shows_what_the_server_said(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", "print('the port is mine'); raise SystemExit(3)"]
        process = ServerProcess("grumpy", command, folder=tmp_path)
        process.start()
        with pytest.raises(ServerStartError, match=r"(?s)grumpy ended with status 3.*the port is mine"):
            process.wait_until(lambda: False, timeout_s=10)

    def test_one_that_ignores_the_request_to_end_is_killed(self, tmp_path: Path) -> None:
        stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
        process = ServerProcess("stubborn", [sys.executable, "-c", stubborn], folder=tmp_path)
        process.start()
        process.wait_until(lambda: "up" in process.log_tail(), timeout_s=10)
        process.stop(grace_s=0.2)
        assert not process.is_running()

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_no_server_outlives_a_run_that_is_ended(self, end: signal.Signals, tmp_path: Path) -> None:
        port = free_port()
        owner = f"""
import socket, sys, time
from pathlib import Path
from servers.process import ServerProcess
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
server = ServerProcess("web", command, folder=Path({str(tmp_path)!r}))
def serves():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", {port})) == 0
server.start()
# The kernel is asked to end it with us by the launcher, a moment after it began.
server.wait_until(serves, timeout_s=30)
print(server.pid, flush=True)
time.sleep(60)
"""
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}
        with subprocess.Popen(
            [sys.executable, "-c", owner], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        ) as run:
            assert run.stdout is not None
            server = int(run.stdout.readline())
            assert Path(f"/proc/{server}").exists()
            run.send_signal(end)
        eventually(lambda: not _is_alive(server))


class TestLeftovers:
    RUN = """
        import subprocess, sys, time
        from servers.places import work_folder
        with work_folder("left") as folder:
            frozen = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=folder)
            print(folder, frozen.pid, flush=True)
            time.sleep(60)
    """

    def test_what_a_killed_run_left_is_cleared_and_what_is_in_use_is_not(self, tmp_path: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests"), "TMPDIR": str(tmp_path)}
        command = [sys.executable, "-c", textwrap.dedent(self.RUN)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as run:
            assert run.stdout is not None
            folder, pid = run.stdout.readline().split()
            clear_leftovers(tmp_path, "")
            assert Path(folder).exists()
            assert _is_alive(int(pid))
            run.kill()
        clear_leftovers(tmp_path, "")
        assert not Path(folder).exists()
        eventually(lambda: not _is_alive(int(pid)), within_s=5)


class TestRequireServices:
    """The switch of CI: what would be skipped elsewhere fails there."""

    SKIPS = """
        import pytest

        @pytest.mark.service
        def test_of_a_service():
            pytest.skip("there is no such server here")

        def test_of_something_else():
            pytest.skip("not today")

        @pytest.mark.service
        @pytest.mark.xfail(reason="known")
        def test_known_to_fail():
            raise AssertionError
    """
    MODULE = "import pytest; pytest.skip('nothing of this here', allow_module_level=True)"

    def closing_line(self, folder: Path, test: str, *options: str) -> tuple[int, str]:
        (folder / "test_it.py").write_text(textwrap.dedent(test))
        command = [sys.executable, "-m", "pytest", "-p", "conftest", "-ra", "-W", "ignore", f"--rootdir={folder}"]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests")}
        done = subprocess.run(
            [*command, *options, str(folder)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    def test_without_it_a_skip_is_a_skip(self, tmp_path: Path) -> None:
        status, output = self.closing_line(tmp_path, self.SKIPS)
        assert (status, "2 skipped, 1 xfailed" in output) == (0, True), output

    def test_with_it_a_skipped_service_test_fails_with_the_reason(self, tmp_path: Path) -> None:
        status, output = self.closing_line(tmp_path, self.SKIPS, "--require-services")
        assert (status, "1 failed, 1 skipped, 1 xfailed" in output) == (1, True), output
        assert "there is no such server here" in output

    def test_with_it_a_module_may_not_skip_itself(self, tmp_path: Path) -> None:
        assert self.closing_line(tmp_path, self.MODULE)[0] == pytest.ExitCode.NO_TESTS_COLLECTED
        status, output = self.closing_line(tmp_path, self.MODULE, "--require-services")
        assert (status, "nothing of this here" in output) == (pytest.ExitCode.INTERRUPTED, True), output


def _is_alive(pid: int) -> bool:
    """Alive, and not a zombie that waits to be collected."""
    with contextlib.suppress(FileNotFoundError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False
