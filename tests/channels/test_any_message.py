"""Whatever stands in a message: every channel can send it, and none of it means anything there."""

import json
import re
import unicodedata
from email import message_from_bytes
from email.policy import default
from html import unescape

from hypothesis import example, given
from hypothesis import strategies as st

from channels.parts import AT, MESSAGE
from rolloutctl.channels.grafana import annotation
from rolloutctl.channels.letter import letter
from rolloutctl.channels.pagerduty import dedup_key, event
from rolloutctl.channels.slack import slack_document
from rolloutctl.channels.teams import teams_document
from rolloutctl.channels.text import title_of
from rolloutctl.channels.webhook import webhook_document
from rolloutctl.config import EmailChannel, GrafanaChannel
from rolloutctl.model.message import Matter, Message, Urgency

TEXT = st.text(st.characters(codec=None) | st.sampled_from("<>&\"'*_~`[](){}|\\\r\n\t\x00\x1b\u202e\u2028@:."), max_size=60)
MESSAGES = st.builds(
    Message,
    title=TEXT,
    text=TEXT | TEXT.map(lambda text: (text + "\n") * 60),
    at=st.just(AT),
    urgency=st.sampled_from(Urgency),
    matter=st.sampled_from(Matter),
    about=TEXT,
    facts=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    key=TEXT,
)
MAIL = EmailChannel.model_validate(
    {"type": "email", "host": "m", "sender": "a@example.com", "to": ["b@example.com", "c@example.com"]}
)
GRAFANA = GrafanaChannel.model_validate({"type": "grafana", "url": "http://g", "auth": {"type": "none"}})


def harmless(text: str) -> bool:
    """Nothing that turns, hides or steers."""
    return not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text.replace("\n", ""))


@given(MESSAGES)
def test_documents_are_json_without_anything_that_steers(message: Message) -> None:
    documents = [
        slack_document(message),
        teams_document(message),
        webhook_document(message),
        event(message)[1],
        annotation(message, GRAFANA),
    ]
    for document in documents:
        text = json.dumps(document, ensure_ascii=False)
        assert len(text.encode()) < 28_000
        assert harmless(text)
        assert json.loads(text) == document


@given(MESSAGES)
def test_slack_gets_no_markup(message: Message) -> None:
    text = str(slack_document(message)["text"])
    assert "<" not in text
    assert ">" not in text
    assert set(re.findall(r"&\w*;?", text)) <= {"&amp;", "&lt;", "&gt;"}


@given(MESSAGES)
def test_grafana_gets_no_html(message: Message) -> None:
    text = str(annotation(message, GRAFANA)["text"])
    assert not {"<", ">", '"', "'"} & set(text)
    assert unescape(text).startswith(title_of(message))


@given(MESSAGES)
@example(Message("{{{", "{{{{\n{ {{", AT))
def test_teams_carries_nothing_out(message: Message) -> None:
    assert not any("{{" in text for text in re.findall(r'"text": ("(?:[^"\\]|\\.)*")', json.dumps(teams_document(message))))


@given(MESSAGES)
def test_pagerduty_gets_a_key_and_a_summary_that_it_takes(message: Message) -> None:
    assert 0 < len(dedup_key(message)) <= 255
    _, document = event(message)
    payload = document["payload"]
    assert isinstance(payload, dict)
    assert 0 < len(payload["summary"]) <= 1024


@given(MESSAGES)
def test_a_mail_has_only_its_own_headers(message: Message) -> None:
    raw = letter(message, MAIL).as_bytes()
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.count(b"\n") == raw.count(b"\r\n")
    read = message_from_bytes(raw, policy=default)
    wanted = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Rolloutctl-Urgency"}
    assert set(read.keys()) == wanted | {"Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert [address.addr_spec for address in read["To"].addresses] == ["b@example.com", "c@example.com"]


def test_a_message_keeps_its_lines() -> None:
    assert str(slack_document(MESSAGE)["text"]).count("\n") == 3
