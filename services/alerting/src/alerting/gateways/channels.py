"""The notification channels: mail, text messages, direct channels such as chat rooms; all through apprise.

Apprise blocks, and reports a failure without its cause. So each channel has its own threads, and each attempt has a
timeout. Apprise's logs contain addresses: this module extracts a status from them and passes on nothing else.
"""

import asyncio
import logging
import re
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from alerting.domain.routing import MAIL, SMS, RoutingConfig
from alerting.gateways.notification import Outgoing, Send
from alerting.settings import Settings
from clawback_contracts.alert.v1 import Severity

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # apprise imports a deprecated module for which it has a substitute
    import apprise
    from apprise.plugins.custom_json import NotifyJSON
    from apprise.plugins.email.base import NotifyEmail

FROM = "alerts@clawback.example"
ATTEMPTS_AT_ONCE = 4
"""Threads per channel. An attempt that exceeds its timeout occupies one of them until its socket times out."""
_STATUS = re.compile(r"\berror=(\d{3})\b")
_MODES = {"smtp": "insecure", "smtps": "ssl", "smtp+starttls": "starttls"}
_TYPES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
_ASSET = apprise.AppriseAsset(app_id="Clawback", app_desc="Clawback alerting", app_url="")

_apprise_log = logging.getLogger("apprise")
_apprise_log.propagate = False
_apprise_log.addHandler(logging.NullHandler())


Plugin = Callable[[Outgoing], Any]
_Mail: Any = NotifyEmail
_Json: Any = NotifyJSON


def senders(settings: Settings, routing: RoutingConfig) -> dict[str, Send]:
    """Returns the send function of each channel in the routes file."""
    plugins: Mapping[str, tuple[Plugin, bool]] = {
        MAIL: (_mail(settings), False),
        SMS: (_sms(settings), True),
    }
    return {
        name: _Channel(name, *plugins.get(name, (_direct, False)), settings.send_timeout_s).send
        for name in routing.channels
    }


def is_known_address(url: str) -> bool:
    """Whether apprise supports this address."""
    return _instantiated(url) is not None


class _Channel:
    """One channel, with its threads."""

    def __init__(self, name: str, plugin: Plugin, short: bool, timeout_s: float) -> None:  # noqa: FBT001 - a constant
        self._plugin = plugin
        self._short = short
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(ATTEMPTS_AT_ONCE, thread_name_prefix=f"send-{name}")

    async def send(self, message: Outgoing) -> str | None:
        """Makes one attempt, with a timeout."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await loop.run_in_executor(self._threads, self._attempt, message)
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"

    def _attempt(self, message: Outgoing) -> str | None:
        plugin = self._plugin(message)
        if plugin is None:
            return "apprise cannot send to this address"
        words = message.words
        carrier = apprise.Apprise(asset=_ASSET)
        carrier.add(plugin)
        result = carrier.notify(
            body=words.short if self._short else words.body,
            title="" if self._short else words.subject,
            notify_type=_TYPES[message.severity],
            body_format="text",
        )
        return None if result else _reason(result)


def _reason(result: Any) -> str:
    """Extracts from apprise's log why an attempt failed: a status, or no connection."""
    log_text = " ".join(str(entry.message) for entry in result.logs())
    status = _STATUS.search(log_text)
    if status:
        return f"status {status[1]}"
    return "no connection" if "onnection error" in log_text else "refused"


def _mail(settings: Settings) -> Plugin:
    """SMTP. A retry has the same ``X-Notification-Id`` header; apprise generates the Message-ID."""
    server = urlsplit(settings.smtp_url.get_secret_value())
    sender = dict(parse_qsl(server.query)).get("from", FROM)
    limit_s = max(1.0, settings.send_timeout_s * 2 / 3)

    def plugin(message: Outgoing) -> Any:
        return _Mail(
            host=server.hostname,
            port=server.port,
            smtp_host=server.hostname,
            user=server.username,
            password=server.password,
            from_addr=sender,
            targets=[message.address],
            secure_mode=_MODES[server.scheme],
            headers={
                "X-Notification-Id": message.reference,
                "References": f"<{message.thread}@alerts.clawback>",
                "Auto-Submitted": "auto-generated",
            },
            format="text",
            cto=limit_s,
            asset=_ASSET,
        )

    return plugin


def _sms(settings: Settings) -> Plugin:
    """An HTTP gateway that accepts ``{"to", "text", "id"}``, or any service of apprise with ``{to}`` in its address.

    The id is also sent as ``Idempotency-Key``. A retry has the same id.
    """
    written = settings.sms_url.get_secret_value()
    gateway = urlsplit(written)
    if gateway.scheme not in {"http", "https"}:
        return lambda message: _instantiated(written.replace("{to}", quote(message.address, safe="")))
    limit_s = max(1.0, settings.send_timeout_s * 2 / 3)

    def plugin(message: Outgoing) -> Any:
        renamed = {"message": "text", "version": "", "title": "", "type": "", "attachments": ""}
        return _Json(
            host=gateway.hostname,
            port=gateway.port,
            secure=gateway.scheme == "https",
            user=gateway.username,
            password=gateway.password,
            fullpath=gateway.path or "/",
            params=dict(parse_qsl(gateway.query)),
            headers={"Idempotency-Key": message.reference},
            payload={**renamed, "to": message.address, "id": message.reference},
            cto=limit_s,
            rto=limit_s,
            asset=_ASSET,
        )

    return plugin


def _direct(message: Outgoing) -> Any:
    return _instantiated(message.address)


def _instantiated(url: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return apprise.Apprise.instantiate(url, asset=_ASSET)
