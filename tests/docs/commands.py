"""Every command of the documents, and where it runs: here as it is written, or in a test that is named."""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {".venv", ".run", ".cache", "node_modules", ".hypothesis"} & set(path.relative_to(ROOT).parts)
)
_FENCED = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"\s+#.*$")
_OPTIONAL = re.compile(r"\s*\[[^\]]*\]")


@dataclass(frozen=True)
class Here:
    """It runs as it is written, on a stack that is up."""

    codes: tuple[int, ...] = (0,)
    """How it may end."""
    service: str | None = None
    """Whose settings it needs, as in a container of this service."""
    endless: bool = False
    """It runs until it is ended: seconds later it must still be there."""
    instead: str | None = None
    """The same program with the same arguments, where the command reaches it through a cluster."""


@dataclass(frozen=True)
class Elsewhere:
    """Another test runs it: its file has these words."""

    test: str
    words: str
    by: tuple[str, str] | None = None
    """What the test starts, where the command is not in the test itself: a file, and words of it."""


@dataclass(frozen=True)
class ByHand:
    """No test of ours runs it."""

    reason: str


Where = Here | Elsewhere | ByHand

STACK, CLUSTER = "deploy/local/tests/unit/test_stack.py", "deploy/k8s/tests/cluster/test_cluster.py"
PARTNERS, CONTAINERS = "tests/partners/test_programs.py", "deploy/local/tests/container/test_containers.py"
WHOLE_TESTS = "it is what runs all tests"
OF_THE_CLUSTER = (
    "it needs the operator's cluster and Secrets; a test validates each object of this overlay, and another one "
    "applies overlays/local to a cluster, where there is one"
)
OF_THE_ENGINE = (
    "it needs an engine that pulls the images of Kafka, PostgreSQL and Valkey; a test has Compose read the whole file, "
    "and where an engine answers another one builds our images and brings up every service of it"
)


OF_THE_STACK = Elsewhere(
    PARTNERS,
    "with Stack(env=ENV) as running",
    by=("deploy/local/src/clawback_local/parts.py", '"-m", name, role'),
)


TRIES_ITS_ROLES = ("compliance", "alerting", "retention")
"""Services whose own tests run these roles as processes."""


def _service(name: str) -> Mapping[str, Where]:
    """What every service's README has."""
    python, own = f"python -m {name}", f"services/{name}/tests/integration/test_worker.py"
    roles: dict[str, Where] = {
        f"{python} {role}": Elsewhere(own, f'harness.job("{role}"')
        if name in TRIES_ITS_ROLES
        else Here(service=name)
        for role in ("migrate", "replay-dlq", "accept-gap")
    }
    return roles | {
        f"{python} worker": OF_THE_STACK,
        f"{python} api": OF_THE_STACK,
    }


_OWN: Mapping[str, Where] = {
    "make demo": Elsewhere(
        "tests/demo/test_interrupt.py",
        '"-m", "clawback_story"',
        by=("Makefile", "exec $(PY) -m clawback_story"),
    ),
    "make test": ByHand(WHOLE_TESTS),
    "docker compose up --build --wait": ByHand(OF_THE_ENGINE),
    "docker compose exec ingester-api cat /var/lib/clawback/keys/officer.key": Elsewhere(
        CONTAINERS, '"cat", "ingester-api", "/var/lib/clawback/keys/officer.key"'
    ),
    "make bench": Elsewhere("bench/tests/test_bench.py", '"-m", "bench"', by=("Makefile", "$(PY) -m bench")),
    ".venv/bin/python -m bench --only pipeline --articles 10000 --rounds 1": Elsewhere(
        "bench/tests/test_bench.py", '"--only"'
    ),
    "pip install ./contracts": Here(),
    "kubectl kustomize deploy/k8s/overlays/production": Elsewhere(
        "deploy/k8s/tests/unit/test_manifests.py", '[kubectl, "kustomize", str(K8S / folder)]'
    ),
    "kubectl apply -k deploy/k8s/overlays/production": ByHand(OF_THE_CLUSTER),
    "kubectl -n clawback exec deploy/ingester-worker -- service migrate --phase post": Here(
        service="ingester", instead="python -m ingester migrate --phase post"
    ),
    "kubectl -n clawback create job --from=cronjob/compliance-run by-hand": Elsewhere(
        CLUSTER, '"create", "job", "--from=cronjob/compliance-health"'
    ),
    "python -m clawback_common.kafka provision --grant ingester=USER --grant upstream=USER --grant downstream=USER": (
        Elsewhere(
            "deploy/local/tests/integration/test_rights.py",
            'Stack(parts=("topics",), production=True)',
            by=("deploy/local/parts.yaml", "--grant=upstream=upstream"),
        )
    ),
    "make up": Here(),
    "make status": Here(),
    "make logs name=kafka": Here(),
    'make job cmd="retention sweep --dry-run"': Here(),
    "make keys subject=acme role=upstream provider=acme": Here(),
    "make keys subject=search role=holder": Here(),
    "make down": Elsewhere(STACK, 'command(run, "down")', by=("Makefile", "$(LOCAL) down")),
    "make reset": Elsewhere(STACK, 'command(run, "reset")', by=("Makefile", "$(LOCAL) reset")),
    ".venv/bin/python -m clawback_local up --only kafka,postgres": Here(),
    ".venv/bin/python -m clawback_local kill ingester-worker": Here(),
    ".venv/bin/python -m clawback_local stop kafka": Elsewhere(STACK, 'command(run, "stop", "mail")'),
    ".venv/bin/python -m clawback_local wipe kafka": Elsewhere(
        STACK, 'command(stack.run_dir, "wipe", "valkey")'
    ),
    "python -m alerting test": Here(codes=(0, 3), service="alerting"),
    "python -m compliance run": Here(codes=(0, 1, 3), service="compliance"),
    "python -m compliance health": Here(codes=(0, 3), service="compliance"),
    "python -m compliance archive verify PATH": Elsewhere(
        "services/compliance/tests/unit/test_archives.py", 'main(SERVICE, ["archive", "verify", '
    ),
    "python -m compliance archive read PATH": Elsewhere(
        "services/compliance/tests/unit/test_archives.py", 'main(SERVICE, ["archive", "read", '
    ),
    "python -m ingester poll metabase-revoked": Here(service="ingester"),
    "python -m ingester cursor metabase-revoked": Here(service="ingester"),
    "python -m retention sweep": Here(codes=(0, 3), service="retention"),
    "python -m retention holds": Here(service="retention"),
    "python -m clawback_simulator --port 8010": Elsewhere(
        "tests/simulator/tests/test_process.py", '"clawback_simulator"'
    ),
    "python -m clawback_story": Elsewhere("tests/demo/test_interrupt.py", '"clawback_story"'),
    "python -m clawback_story --small": Elsewhere("tests/demo/test_interrupt.py", '"--small"'),
    "python -m clawback_story --seed 7": Elsewhere("tests/demo/test_interrupt.py", '"--seed"'),
    "python -m clawback_story --production": Elsewhere("tests/demo/test_production.py", '"--production"'),
    "openssl genpkey -algorithm ed25519 -out .run/partner.pem": Here(),
    ".venv/bin/python -m clawback_contracts.signatures .run/partner.pem": Here(),
}
_OFFICER = """. .run/env && curl -fsS -H "X-API-Key: $(cat .run/keys/officer.key)" """
_OFFICERS: Mapping[str, Where] = {
    f'{_OFFICER}"{path}"': Here()
    for path in (
        "$COMPLIANCE_URL/api/v1/compliance/status",
        "$COMPLIANCE_URL/api/v1/compliance/holders",
        "$COMPLIANCE_URL/api/v1/compliance/holders/ingester/obligations",
        "$COMPLIANCE_URL/api/v1/compliance/notices/requests",
        "$COMPLIANCE_URL/api/v1/compliance/notices/requests?finished=true",
        "$ALERTING_URL/api/v1/silences",
        "$ALERTING_URL/api/v1/alerts?status=firing",
        "$COMPLIANCE_URL/api/v1/compliance/runs?limit=1",
    )
}
_ONE_RUN: Mapping[str, Where] = {
    'curl -fsS -H "X-API-Key: KEY" "$COMPLIANCE_URL/api/v1/compliance/runs/RUN_ID"': Elsewhere(
        "services/compliance/tests/integration/test_checks.py", "/compliance/runs/{"
    )
}
_SERVICES = [_service(name) for name in ("ingester", "compliance", "analytics", "alerting", "retention")]
WHERE: Mapping[str, Where] = dict(
    ChainMap(dict(_OWN), dict(_OFFICERS), dict(_ONE_RUN), *map(dict, _SERVICES))
)
"""Each command on a line of its own."""

PROGRAMS: Mapping[str, Where] = {
    "contracts/examples/partners/holder.py": Here(endless=True),
    "contracts/examples/partners/upstream_kafka.py": Here(),
}
"""Blocks that are one small program, by what they run."""


@dataclass(frozen=True)
class Command:
    """One command, or one block that is a program, as a document has it."""

    document: str
    text: str

    @property
    def where(self) -> Where | None:
        """Where it runs; None for one that nobody knows."""
        for program, where in PROGRAMS.items():
            if program in self.text:
                return where
        return WHERE.get(self.text)


def commands() -> list[Command]:
    """All of them, in the order of the documents."""
    return [
        Command(str(document.relative_to(ROOT)), text)
        for document in DOCUMENTS
        for block in _FENCED.findall(document.read_text())
        for text in _of(block)
    ]


def _of(block: str) -> Iterator[str]:
    """A program whole; of the other blocks each line, each of its alternatives, without what may be left out."""
    if any(program in block for program in PROGRAMS):
        yield block
        return
    for line in block.splitlines():
        text = _OPTIONAL.sub("", _COMMENT.sub("", line)).strip()
        first, *others = text.split(" | ")
        if text and not text.startswith("listening on"):
            yield first
            yield from (f"{first.rpartition(' ')[0]} {other}" for other in others)
