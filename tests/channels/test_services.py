"""What each service gets, and how its answers are understood."""

from collections.abc import Iterator

import pytest

from adapters.parts import QuickClock
from channels.parts import AT, MESSAGE, NASTY, SECRETS, SETTINGS, TAKEN, channel, over, told
from rolloutctl.model.message import Ending, Matter, Message
from servers.receiver import Received, Receiver, Reply, answer, hang_up, huge, nobody, nonsense, reset, stall

KINDS = sorted(SETTINGS)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def ok(kind: str) -> Reply:
    status, body = TAKEN[kind]
    return answer(status, body, Content_Type="application/json" if body.startswith("{") else "text/plain")


async def got(server: Receiver, kind: str, message: Message = MESSAGE, **settings: object) -> Received:
    server.usually = ok(kind)
    delivery = await told(over(kind, server.url, **settings), message)
    assert (delivery.ending, delivery.attempts) == (Ending.TAKEN, 1), delivery
    (received,) = server.received
    assert received.method == "POST"
    assert received.headers["content-type"] == "application/json"
    return received


async def test_slack(server: Receiver) -> None:
    received = await got(server, "slack")
    assert received.target == SECRETS["SLACK"]
    assert received.json == {
        "text": "checkout#1: rolled back\nerror rate 4.1 % &gt; 2 %\nflag is off\njournal: 41 ab12",
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


async def test_slack_text_calls_nobody(server: Receiver) -> None:
    text = (await got(server, "slack", NASTY)).json["text"]
    assert text.startswith('&lt;!channel&gt; &lt;b onclick="x"&gt;&amp;amp;*bold* Bcc: all@example.com\n')
    assert not {"<", ">", "\x1b", "\u202e", "\x00"} & set(text)


async def test_teams(server: Receiver) -> None:
    received = await got(server, "teams")
    assert received.target == SECRETS["TEAMS"]
    (attachment,) = received.json["attachments"]
    assert received.json["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    runs = [block["inlines"][0] for block in card["body"]]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for run in runs} == {"TextRun"}
    lines = ["checkout#1: rolled back", "error rate 4.1 % > 2 %", "flag is off", "journal: 41 ab12"]
    assert [run["text"] for run in runs] == lines
    assert runs[0]["color"] == "Attention"


async def test_teams_text_carries_nothing_out(server: Receiver) -> None:
    raw = (await got(server, "teams", NASTY)).body.decode()
    assert "{{" not in raw
    assert '"TextBlock"' not in raw
    assert "entities" not in raw
    assert len(raw.encode()) < 28_000


async def test_webhook(server: Receiver) -> None:
    received = await got(server, "webhook", headers={"X-Team": "checkout"})
    assert received.target == SECRETS["HOOK"]
    assert received.headers["authorization"].startswith("Basic ")
    assert received.headers["x-team"] == "checkout"
    assert received.headers["idempotency-key"] == "run-7:tell-people"
    assert received.json == {
        "format": 1,
        "title": "checkout#1: rolled back",
        "text": "error rate 4.1 % > 2 %\nflag is off",
        "at": "2026-01-05T10:00:00.250000Z",
        "urgency": "critical",
        "matter": "open",
        "about": "rollout/checkout#1",
        "key": "run-7:tell-people",
        "facts": [{"name": "journal", "value": "41 ab12"}],
    }


async def test_a_webhook_whose_url_is_no_secret(server: Receiver) -> None:
    delivery = await told(channel({"type": "webhook", "url": f"{server.url}/in"}, {}))
    assert delivery.ok
    assert server.received[0].target == "/in"
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize(
    ("matter", "action"), [(Matter.OPEN, "trigger"), (Matter.SEEN, "acknowledge"), (Matter.CLOSED, "resolve")]
)
async def test_pagerduty(server: Receiver, matter: Matter, action: str) -> None:
    message = Message(MESSAGE.title, MESSAGE.text, AT, MESSAGE.urgency, matter, MESSAGE.about, MESSAGE.facts, MESSAGE.key)
    received = await got(server, "pagerduty", message)
    assert received.target == "/v2/enqueue"
    assert received.json == {
        "routing_key": SECRETS["KEY"],
        "event_action": action,
        "dedup_key": "rollout/checkout#1",
        "client": "rolloutctl",
        "payload": {
            "summary": "checkout#1: rolled back",
            "source": "rolloutctl",
            "severity": "critical",
            "timestamp": "2026-01-05T10:00:00.250000Z",
            "custom_details": {"text": "error rate 4.1 % > 2 %\nflag is off", "journal": "41 ab12"},
        },
    }


async def test_news_wake_nobody_at_pagerduty(server: Receiver) -> None:
    received = await got(server, "pagerduty", NASTY)
    assert received.target == "/v2/change/enqueue"
    assert set(received.json) == {"routing_key", "payload"}
    assert set(received.json["payload"]) == {"summary", "source", "timestamp", "custom_details"}


@pytest.mark.parametrize("about", ["x" * 256, "a\nb", ""])
async def test_pagerduty_groups_by_a_key_that_it_takes(server: Receiver, about: str) -> None:
    message = Message("t", "", AT, matter=Matter.OPEN, about=about)
    keys = set()
    for _ in range(2):
        server.usually = ok("pagerduty")
        assert (await told(over("pagerduty", server.url), message)).ok
        keys.add(server.received[-1].json["dedup_key"])
    (key,) = keys
    assert 0 < len(key) <= 255
    assert key.isprintable()


async def test_grafana(server: Receiver) -> None:
    received = await got(server, "grafana", dashboard="abc", panel=2, tags=["rollout", "critical"])
    assert received.target == "/api/annotations"
    assert received.headers["authorization"] == f"Bearer {SECRETS['GRAFANA']}"
    assert received.json == {
        "time": 1_767_607_200_250,
        "tags": ["rollout", "critical"],
        "text": "checkout#1: rolled back\nerror rate 4.1 % &gt; 2 %\nflag is off\njournal: 41 ab12",
        "dashboardUID": "abc",
        "panelId": 2,
    }


async def test_grafana_text_is_no_markup(server: Receiver) -> None:
    text = (await got(server, "grafana", NASTY)).json["text"]
    assert not {"<", ">", '"', "\x1b", "\u202e"} & set(text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("letter", ["x", "漢", "😀", "<"])
async def test_what_is_too_long_is_cut_where_it_is_seen(server: Receiver, kind: str, letter: str) -> None:
    long = Message(
        letter * 5000, "\n".join([letter * 90] * 100), AT, matter=Matter.OPEN, facts=((letter * 500, letter * 5000),) * 100
    )
    received = await got(server, kind, long)
    assert len(received.body) < 28_000
    assert "…" in received.body.decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "ending", "attempts"),
    [
        (302, Ending.REFUSED, 1),
        (400, Ending.REFUSED, 1),
        (401, Ending.REFUSED, 1),
        (403, Ending.REFUSED, 1),
        (404, Ending.REFUSED, 1),
        (429, Ending.REFUSED, 3),
        (503, Ending.REFUSED, 3),
        (500, Ending.UNKNOWN, 1),
        (502, Ending.UNKNOWN, 1),
    ],
)
async def test_answers_that_are_no(server: Receiver, kind: str, status: int, ending: Ending, attempts: int) -> None:
    with Receiver() as other:
        server.usually = answer(status, "no_service", Location=other.url)
        delivery = await told(over(kind, server.url))
    # PagerDuty makes one incident of what is sent twice, so that a doubt there is cleared by sending again.
    wanted = 3 if kind == "pagerduty" and ending is Ending.UNKNOWN else attempts
    assert (delivery.ending, delivery.attempts, len(server.received)) == (ending, wanted, wanted)
    assert str(status) in delivery.why
    assert other.received == ()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"webhook"}))
@pytest.mark.parametrize(
    "reply",
    [
        answer(200, "<!doctype html><title>Sign in</title>", Content_Type="text/html"),
        answer(200, "{"),
        answer(200, "[]"),
        answer(202, '{"status": "failure"}'),
    ],
    ids=["html", "cut", "list", "failure"],
)
async def test_a_yes_that_is_not_the_services_own_counts_for_nothing(server: Receiver, kind: str, reply: Reply) -> None:
    server.usually = reply
    delivery = await told(over(kind, server.url))
    assert delivery.ending is Ending.UNKNOWN
    assert len(server.received) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [reset, hang_up, nonsense, huge, stall], ids=lambda fault: fault.__name__)
async def test_a_lost_answer_is_never_a_no(server: Receiver, kind: str, fault: Reply) -> None:
    server.usually = fault
    brief = {"timeout": "1s"} if fault is stall else {}
    delivery = await told(over(kind, server.url, **brief))
    assert delivery.ending is Ending.UNKNOWN
    # Where it is sent again without harm, it is, as long as there is time.
    most, least = (3, 1 if fault is stall else 3) if kind == "pagerduty" else (1, 1)
    assert least <= len(server.received) <= most


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_not_there_is_tried_again(kind: str) -> None:
    clock = QuickClock()
    delivery = await told(over(kind, nobody(), clock))
    assert (delivery.ending, delivery.attempts) == (Ending.NOT_SENT, 3)
    assert len(clock.slept) == 2
    assert "cannot connect" in delivery.why


async def test_the_servers_word_on_waiting_is_kept(server: Receiver) -> None:
    clock = QuickClock()
    server.then(answer(429, "slow", Retry_After="2"))
    server.usually = ok("slack")
    delivery = await told(over("slack", server.url, clock))
    assert (delivery.ending, delivery.attempts) == (Ending.TAKEN, 2)
    assert 2 <= clock.slept[0] < 2.3
    server.usually = answer(429, "slow", Retry_After="60")
    delivery = await told(over("slack", server.url))
    assert (delivery.ending, delivery.attempts) == (Ending.REFUSED, 1)


async def test_a_doubt_is_cleared_only_by_a_yes(server: Receiver) -> None:
    server.then(reset, ok("pagerduty"))
    delivery = await told(over("pagerduty", server.url))
    assert (delivery.ending, delivery.attempts) == (Ending.TAKEN, 2)
    server.then(reset, answer(400, "Event object is invalid"))
    delivery = await told(over("pagerduty", server.url))
    assert (delivery.ending, delivery.attempts) == (Ending.UNKNOWN, 2)
    assert "connection broke" in delivery.why


@pytest.mark.parametrize(
    "value",
    ["", "hooks.slack.com/services/x", "ftp://x/y", "https://me:pw@x/y", "https://", "http://[", "http://x/a b", "http://x:p"],
)
async def test_a_secret_that_is_no_url_sends_nothing(value: str) -> None:
    delivery = await told(channel(SETTINGS["slack"], {"SLACK": value}))
    assert (delivery.ending, delivery.attempts) == (Ending.NOT_SENT, 1)
    assert len(value) < 9 or value not in delivery.why


@pytest.mark.parametrize("kind", KINDS)
async def test_a_secret_that_cannot_be_read_sends_nothing(server: Receiver, kind: str) -> None:
    place = {} if "url" in SETTINGS[kind] else {"url": server.url}
    delivery = await told(channel({**SETTINGS[kind], **place}, {}))
    assert (delivery.ending, delivery.attempts) == (Ending.NOT_SENT, 1)
    assert "is not set" in delivery.why
    assert server.received == ()
