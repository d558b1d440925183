"""A message as an e-mail."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from hashlib import sha256

from rolloutctl import config
from rolloutctl.channels.text import fact_lines, text_lines, title_of
from rolloutctl.model.message import Message
from rolloutctl.units import show_time


def letter(message: Message, settings: config.EmailChannel) -> EmailMessage:
    """Plain text, UTF-8. A message that is sent again has the same Message-ID (RFC 5322, 3.6.4), so that readers show one."""
    # Seven bits, because not every server takes eight.
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["Subject"] = f"[rolloutctl] {title_of(message)}"
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{_name(message)}@{settings.sender.rpartition('@')[2]}>"
    # RFC 3834: so that nobody's absence is answered to a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Rolloutctl-Urgency"] = message.urgency.value
    text, facts = text_lines(message), fact_lines(message)
    mail.set_content("\n".join([*(text or [title_of(message)]), *([""] if facts else []), *facts]) + "\n")
    return mail


def _name(message: Message) -> str:
    named = message.key or f"{message.about} {message.title} {message.text} {show_time(message.at)}"
    return sha256(named.encode("utf-8", "replace")).hexdigest()[:40]
