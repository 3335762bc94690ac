"""The whole routes file is checked at start-up, and each error is reported with its line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from alerting.domain.alert import Alert
from alerting.domain.routing import RoutingConfig
from alerting.gateways.routes_file import read_routes
from clawback_common.errors import Stop
from clawback_contracts.alert.v1 import Severity

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = """\
recipients:
  - name: ann
    mail: ann@example.org
    sms: "+15550100"
    consent: {at: 2026-01-05, by: ann}
  - name: bob
    mail: bob@example.org
    consent: {at: 2026-01-05, by: ann}
channels:
  - {name: room, url: "json://127.0.0.1"}
receivers:
  - {name: all, mail: [ann, bob], sms: [ann], channels: [room]}
  - {name: ann, mail: [ann]}
  - {name: nobody, discard: true}
route:
  receiver: all
  group_wait: 10s
  routes:
    - receiver: nobody
      matchers: ['name="Watchdog"']
    - receiver: ann
      matchers: ['severity="critical"']
      group_by: ['...']
      group_wait: 0s
      repeat_interval: 1h30m
      continue: true
      routes:
        - matchers: ['service=~"comp.*"']
          receiver: all
    - receiver: ann
      matchers: ['severity!="info"']
"""


def read(tmp_path: Path, text: str, *, known: bool = True) -> RoutingConfig:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    return read_routes(path, lambda _: known)


def alert(name: str = "Some", severity: Severity = Severity.CRITICAL, service: str = "ingester") -> Alert:
    return Alert(
        "f" * 16,
        name,
        service,
        severity,
        "",
        {},
        is_event=False,
        status="firing",
        occurrence=1,
        count=1,
        first_at=AT,
        last_at=AT,
    )


def notified(routing: RoutingConfig, one: Alert) -> set[tuple[str, str]]:
    return {(target.recipient, target.channel) for target in routing.targets(one)}


def test_the_example_is_valid() -> None:
    path = Path(str(files("alerting").joinpath("routes.example.yaml")))
    routing = read_routes(path, lambda _: True)
    assert routing.channels == ["mail", "sms"]
    officer = {("compliance-officer", "mail"), ("compliance-officer", "sms")}
    for name, severity in (
        ("ComplianceRunOverdue", Severity.CRITICAL),
        ("ComplianceRunFailed", Severity.CRITICAL),
        ("RevokedArticlesFound", Severity.WARNING),
    ):
        reached = routing.targets(alert(name, severity, "compliance"))
        assert officer <= {(one.recipient, one.channel) for one in reached}, name
        assert {one.wait for one in reached if one.recipient == "compliance-officer"} == {timedelta(0)}
    assert ("compliance-officer", "mail") in notified(
        routing, alert("ComplianceDailySummary", Severity.INFO, "compliance")
    )
    assert notified(routing, alert("Anything", Severity.WARNING)) == {("on-call", "mail")}


def test_the_deepest_matching_route_applies_and_continue_evaluates_its_siblings(tmp_path: Path) -> None:
    routing = read(tmp_path, GOOD)
    everyone = {("ann", "mail"), ("bob", "mail"), ("ann", "sms"), ("room", "room")}
    assert notified(routing, alert(severity=Severity.INFO)) == everyone
    assert notified(routing, alert("Watchdog")) == set()
    assert notified(routing, alert(severity=Severity.WARNING)) == {("ann", "mail")}
    assert notified(routing, alert(service="compliance")) == everyone
    assert notified(routing, alert(service="ingester")) == {("ann", "mail")}


def test_each_recipient_is_one_target_per_channel_by_the_first_route_that_names_it(tmp_path: Path) -> None:
    targets = read(tmp_path, GOOD).targets(alert(service="compliance"))
    pairs = [(one.recipient, one.channel) for one in targets]
    assert len(pairs) == len(set(pairs))
    by_pair = {(one.recipient, one.channel): one for one in targets}
    assert by_pair["ann", "mail"].repeat == timedelta(minutes=90)
    assert by_pair["bob", "mail"].wait == timedelta(0)


def test_groups_are_formed_by_labels_or_per_alert(tmp_path: Path) -> None:
    routing = read(tmp_path, GOOD)
    mild = alert(severity=Severity.INFO)
    other = replace(mild, fingerprint="0" * 16, name="Other")
    assert routing.targets(mild)[0].group_key == routing.targets(other)[0].group_key
    first, second = alert(), replace(alert(), fingerprint="0" * 16)
    assert routing.targets(first)[0].group_key != routing.targets(second)[0].group_key


def test_a_recipient_without_consent_is_not_notified_and_stays_listed(tmp_path: Path) -> None:
    text = GOOD.replace("mail: bob@example.org", "mail: bob@example.org\n    withdrawn_at: 2026-02-01")
    routing = read(tmp_path, text)
    assert not [pair for pair in notified(routing, alert(severity=Severity.INFO)) if pair[0] == "bob"]
    assert routing.address("bob", "mail") is None
    assert routing.address("ann", "mail") == "ann@example.org"
    assert not routing.recipients["bob"].consents


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  group_wait: 10s", "  group_wat: 10s", 17, "unknown key 'group_wat'"),
        ("  group_wait: 10s", "  group_wait: soon", 17, "route.group_wait: this is not a duration"),
        ("  group_wait: 10s", "  group_wait: 9000h", 17, "longer than a year"),
        ("repeat_interval: 1h30m", "repeat_interval: 5s", 25, "shorter than a minute"),
        ("    - receiver: nobody", "    - receiver: nobdy", 19, "there is no receiver 'nobdy'"),
        ("""['severity="critical"']""", """['severity=="critical" x']""", 22, "not a matcher such as"),
        ("""'service=~"comp.*"'""", """'service=~"("'""", 28, "not a valid RE2 regular expression"),
        ("{name: ann, mail: [ann]}", "{name: ann}", 13, "reaches nobody; set discard: true"),
        ("{name: ann, mail: [ann]}", "{name: all, mail: [ann]}", 13, "duplicate receiver all"),
        ("{name: ann, mail: [ann]}", "{name: ann, mail: [eve]}", 13, "unknown recipient 'eve'"),
        ("sms: [ann]", "sms: [bob]", 12, "the recipient bob has no sms"),
        ("channels: [room]", "channels: [rom]", 12, "unknown channel 'rom'"),
        ("discard: true", "discard: maybe", 14, "discard: Input should be a valid boolean"),
        ("discard: true", "discard: true, mail: [ann]", 14, "has discard: true and also recipients"),
        ("    consent: {at: 2026-01-05, by: ann}\n  - name: bob", "  - name: bob", 2, "the key consent is missing"),
        ("consent: {at: 2026-01-05, by: ann}\n  - name: bob", "consent: {by: ann}\n  - name: bob", 5, "key at is"),
        (
            "consent: {at: 2026-01-05, by: ann}\n  - name: bob",
            "consent: {at: soon, by: ann}\n  - name: bob",
            5,
            "consent.at: Input should be",
        ),
        ("  - name: bob\n", "  - name: ann\n", 6, "duplicate recipient ann"),
        ("  - name: bob\n", "  - name: B o b\n", 6, "lower-case letters"),
        ('sms: "+15550100"', 'sms: "call me"', 4, "not a number"),
        ("mail: bob@example.org", 'mail: "bob@example.org, eve@example.org"', 7, "not an address"),
        ("mail: bob@example.org", 'mail: "bob@example.org\\r\\nBcc: eve@example.org"', 7, "not an address"),
        ("    mail: bob@example.org\n", "", 6, "neither mail nor sms"),
        ("    - receiver: nobody\n      matchers: ['name=\"Watchdog\"']", "    - receiver: nobody", 20, "unreachable"),
        ("  receiver: all\n  group", "  group", 15, "the root route has no receiver"),
        ("  group_wait: 10s", "  matchers: ['a=b']", 15, "the root route matches everything"),
        ("  group_wait: 10s", "  receiver: all", 17, "duplicate key 'receiver'"),
        ("route:", "rout:", 15, "unknown key 'rout'"),
        ("  - {name: room,", "  - {name: mail,", 10, "duplicate channel mail"),
        ("[ann, bob]", "ann", 12, "receivers[0].mail: a list is required"),
    ],
)  # fmt: skip
def test_an_error_is_reported_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(Stop) as stopped:
        read(tmp_path, GOOD.replace(old, new, 1))
    errors = str(stopped.value).splitlines()
    assert [one for one in errors if f"routes.yaml:{line}:" in one and words in one], errors
    assert "eve@" not in str(stopped.value)


def test_an_unsupported_channel_address_is_an_error_and_stays_secret(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"routes.yaml:10: apprise cannot send to the url of room") as stopped:
        read(tmp_path, GOOD, known=False)
    assert "json://" not in str(stopped.value)


@pytest.mark.parametrize(
    ("old", "new", "other", "wrong"),
    [
        ("10s", "soon", "discard: true", "discard: maybe"),
        ("receiver: nobody", "receiver: nobdy", "sms: [ann]", "sms: [bob]"),
    ],
)
def test_all_errors_of_a_kind_are_reported_together(
    tmp_path: Path, old: str, new: str, other: str, wrong: str
) -> None:
    text = GOOD.replace(old, new).replace(other, wrong)
    with pytest.raises(Stop) as stopped:
        read(tmp_path, text)
    assert len(str(stopped.value).splitlines()) == 3, "the setting, and one line per error"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "routes.yaml:1: a mapping is required"),
        ("route: [", "routes.yaml:1: not YAML"),
        ("a: b: c", "routes.yaml:1: not YAML"),
        ("- a", "a mapping is required"),
        ("route: 3\nrecipients: 4\nreceivers: {}", "a mapping is required"),
        ("a: &a [*a]", "an alias contains itself"),
    ],
)
def test_an_invalid_routes_file_is_rejected_with_a_message(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Stop) as stopped:
        read(tmp_path, text)
    assert words in str(stopped.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be read"):
        read_routes(tmp_path / "none.yaml", lambda _: True)
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(Stop, match="cannot be read"):
        read_routes(tmp_path / "latin", lambda _: True)


def test_the_nesting_of_routes_is_limited(tmp_path: Path) -> None:
    deep = "{receiver: all}"
    for _ in range(30):
        deep = f"{{receiver: all, routes: [{deep}]}}"
    with pytest.raises(Stop, match="nest deeper"):
        read(tmp_path, GOOD[: GOOD.index("route:")] + f"route: {deep}\n")
