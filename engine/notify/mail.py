"""E-mail: RFC 5322 messages over SMTP with TLS, told apart by permanent and passing refusals (RFC 5321, RFC 3463)."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final
from urllib.parse import urlsplit

import msgspec

from engine.notify.message import Message
from engine.notify.port import Failed, Sent

_TIMEOUT: Final = 15.0
_PERMANENT: Final = 500
# RFC 3463: bad mailbox, bad domain, moved, mailbox disabled.
_GONE: Final = ("5.1.1", "5.1.2", "5.1.6", "5.2.1")


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in: `smtps://host:465` (TLS from the start), `smtp://host:587` (STARTTLS, always asked for).

    `plain` allows a server without TLS, which only one on this machine may be.
    """

    url: str
    sender: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    plain: bool = False


class Mail:
    """The mail sink."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tls = ssl.create_default_context(cafile=server.ca_file)

    def send(self, address: str, message: Message) -> Sent | Failed:
        """Hand one message in; a broken connection is `network`, a refusal `refused-<code>`."""
        try:
            with self._open() as connection:
                connection.send_message(self._letter(address, message))
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return _failure(code, said)
        except smtplib.SMTPResponseException as error:
            return _failure(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException, UnicodeError, ValueError):
            return Failed("network")
        return Sent()

    def _open(self) -> smtplib.SMTP:
        place = urlsplit(self._server.url)
        host = place.hostname or "127.0.0.1"
        if place.scheme == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, place.port or 465, timeout=_TIMEOUT, context=self._tls)
        else:
            connection = smtplib.SMTP(host, place.port or 587, timeout=_TIMEOUT)
        try:
            if place.scheme != "smtps" and not self._server.plain:
                connection.starttls(context=self._tls)
            if self._server.username is not None:
                connection.login(self._server.username, self._server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _letter(self, address: str, message: Message) -> EmailMessage:
        letter = EmailMessage(policy=SMTP)
        letter["From"], letter["To"], letter["Subject"] = self._server.sender, address, message.subject
        # The same notice tried again is the same message, so that a mailbox may drop the second.
        domain = self._server.sender.rpartition("@")[2].strip("> ")
        letter["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.body)
        return letter


def _failure(code: int, said: bytes | str) -> Failed:
    words = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    gone = code >= _PERMANENT and any(words.startswith(one) for one in _GONE)
    return Failed(f"refused-{code}", gone=gone)
