"""The settings of mail and SMS: server, encryption, sender, credentials; none of them appears in a repr."""

from typing import Any

import pytest
from pydantic import SecretStr

from alerting.domain.message_format import MessageText
from alerting.gateways import channels
from alerting.gateways.notification import Outgoing
from alerting.settings import Settings
from clawback_contracts.alert.v1 import Severity

MESSAGE = Outgoing("ref-1", "ann@example.org", MessageText("s", "b", "short"), Severity.CRITICAL, "f" * 16)


def mail(url: str) -> Any:
    return channels._mail(Settings(smtp_url=SecretStr(url)))(MESSAGE)


@pytest.mark.parametrize(
    ("url", "mode", "port"),
    [
        ("smtp://mail.example", "insecure", 25),
        ("smtp://mail:1025", "insecure", 1025),
        ("smtps://mail.example", "ssl", 465),
        ("smtp+starttls://mail.example", "starttls", 587),
    ],
)
def test_the_scheme_of_the_mail_server_selects_the_encryption(url: str, mode: str, port: int) -> None:
    plugin = mail(url)
    assert (plugin.secure_mode, plugin.port) == (mode, port)
    assert plugin.smtp_host in url
    assert plugin.verify_certificate


def test_user_password_and_sender_are_those_of_the_address() -> None:
    plugin = mail("smtps://us%40er:p%2Fw@mail.example?from=Clawback <alerts@example.org>")
    assert (plugin.user, plugin.password) == ("us@er", "p/w")
    assert plugin.from_addr == ("Clawback", "alerts@example.org")
    assert plugin.targets == [(False, "ann@example.org")]
    assert plugin.headers["X-Notification-Id"] == "ref-1"


def test_the_parameters_and_secrets_of_a_gateway_are_kept() -> None:
    settings = Settings(sms_url=SecretStr("https://u:p%40@sms.example:8443/v1/send?account=7"))
    plugin = channels._sms(settings)(MESSAGE)
    assert (plugin.secure, plugin.host, plugin.port, plugin.fullpath) == (
        True,
        "sms.example",
        8443,
        "/v1/send",
    )
    assert (plugin.user, plugin.password, plugin.params) == ("u", "p@", {"account": "7"})


def test_any_service_of_apprise_can_send_text_messages() -> None:
    settings = Settings(sms_url=SecretStr("json://sms.example/?:to={to}"))
    message = Outgoing("r", "+1555&x=1", MESSAGE.words, Severity.INFO, "f")
    assert channels._sms(settings)(message).payload_extras == {"to": "+1555&x=1"}


def test_an_unsupported_address_is_detected() -> None:
    assert channels.is_known_address("json://127.0.0.1:80/")
    assert not channels.is_known_address("nothing://at/all")


def test_addresses_and_secrets_are_in_no_repr() -> None:
    settings = Settings(smtp_url=SecretStr("smtps://u:secret@mail.example"))
    assert "ann@example.org" not in repr(MESSAGE)
    assert "secret" not in repr(settings)
