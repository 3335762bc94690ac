"""The manifests on a real cluster: everything is accepted to the last field, and what is started really runs.

`KUBECONFIG` leads to the cluster, and `CLUSTER_LOAD` is a command that brings an image of the container engine into
it (`kind load docker-image`). Nodes must reach this machine at the address of the first node, or at `CLUSTER_HOST`.
PostgreSQL and the other services are the local stack's; compliance runs in the cluster, with a broker that starts last.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from clawback_local import Stack, kafka
from clawback_local.config import DATABASES, LOOPBACK, ROOT, claimed
from clawback_local.parts import ROLES
from clawback_testing.images import build, container_engine

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1500)]

NAMESPACE = f"clawback-test-{os.getpid()}"
IMAGE = "localhost/clawback-compliance:0.1.0"
RUNS = ("compliance-api", "compliance-worker")
DEPLOYMENTS = {f"{service}-{role}" for service in DATABASES for role in ROLES}
WORKER = "app.kubernetes.io/name=compliance,app.kubernetes.io/component=worker"
PARTS = ("ingester-api", "ingester-worker", "compliance-worker")


def kubectl(*words: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """One command against the cluster; it must succeed."""
    program = str(Path(sys.executable).parent / "kubectl")
    done = subprocess.run(  # noqa: S603 - arguments are ours
        [program, *words], input=stdin, capture_output=True, text=True, check=False, timeout=300
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def objects(*words: str) -> list[dict[str, Any]]:
    """What `kubectl get` finds in our namespace."""
    found: list[dict[str, Any]] = json.loads(kubectl("-n", NAMESPACE, "get", *words, "-o", "json").stdout)[
        "items"
    ]
    return found


@pytest.fixture(scope="module")
def host() -> str:
    """The address of this machine for pods; skips in words without a cluster that can use it."""
    config = os.environ.get("KUBECONFIG", "")
    if not config or kubectl("get", "--raw", "/readyz", "--request-timeout=10s", check=False).returncode:
        pytest.skip("no cluster is reachable through KUBECONFIG: manifests are checked against schemas only")
    if not os.environ.get("CLUSTER_LOAD"):
        pytest.skip(
            "CLUSTER_LOAD is not set: it brings an image into the cluster, as `kind load docker-image`"
        )
    address = os.environ.get("CLUSTER_HOST") or first_node()
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            pytest.skip(
                f"{address} is no address of this machine; CLUSTER_HOST names one that pods can reach"
            )
    return address


def first_node() -> str:
    """The address of a node, which is this machine's where the cluster runs on it."""
    (node, *_) = json.loads(kubectl("get", "nodes", "-o", "json").stdout)["items"]
    (address, *_) = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    return str(address)


@pytest.fixture(scope="module")
def image(host: str) -> None:
    """Our image, in the cluster."""
    del host
    with container_engine() as engine:
        build(engine, {IMAGE: {"SERVICE": "compliance"}})
    load = [*shlex.split(os.environ["CLUSTER_LOAD"]), IMAGE]
    subprocess.run(load, check=True, timeout=300)  # noqa: S603 - the user's own command


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Everything that compliance speaks with."""
    with Stack(parts=PARTS, env={"*": {"METABASE_PAUSE_S": "0.05"}}) as running:
        yield running


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Paths for a broker of pods."""
    with claimed({"kafka": 9092, "controller": 9093}, prefer_documented=False) as found:
        yield found


@pytest.fixture(scope="module")
def applied(
    host: str, image: None, stack: Stack, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """All manifests in a namespace of their own, and the server's answer."""
    del image
    with forwarding(host, stack) as environment:
        folder = tmp_path_factory.mktemp("overlay")
        write_overlay(folder, environment["INGESTER_URL"], f"{host}:{ports['kafka']}")
        manifests = kubectl("kustomize", str(folder)).stdout
        try:
            kubectl("create", "namespace", NAMESPACE)
            kubectl("apply", "--server-side", "-f", "-", stdin=secrets(stack, environment))
            strict = ("apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
            yield kubectl(*strict, stdin=manifests).stderr
        finally:
            kubectl("delete", "namespace", NAMESPACE, "--wait", "--timeout=120s", check=False)


@contextmanager
def forwarding(host: str, stack: Stack) -> Iterator[dict[str, str]]:
    """The stack's addresses as pods can use them."""
    with ExitStack() as ending:
        environment = {}
        for name in ("COMPLIANCE_DATABASE_URL", "INGESTER_URL"):
            port = stack.env[name].rpartition(f"{LOOPBACK}:")[2].partition("/")[0]
            outside = ending.enter_context(relay(host, port))
            environment[name] = stack.env[name].replace(f"{LOOPBACK}:{port}", f"{host}:{outside}")
        yield environment


@contextmanager
def relay(host: str, port: str) -> Iterator[str]:
    """The port of `host` that leads to a port of loopback."""
    argv = [sys.executable, str(Path(__file__).with_name("relay.py")), host, port]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - arguments are ours
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def waited(
    applied: str, host: str, ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A broker that pods reach, without a topic, started when a worker ran; what the worker's status was until then."""
    del applied
    running = ("-l", WORKER, "--for=jsonpath={.status.phase}=Running", "--timeout=240s")
    kubectl("-n", NAMESPACE, "wait", "pods", *running)
    before = worker_status()
    home = tmp_path_factory.mktemp("broker")
    properties = kafka.configure(home, port=ports["kafka"], controller=ports["controller"], host=host)
    with subprocess.Popen(kafka.argv(kafka.jars(), properties), stdout=subprocess.DEVNULL) as process:  # noqa: S603 - arguments are ours
        try:
            yield before
        finally:
            process.terminate()


def write_overlay(folder: Path, ingester_url: str, kafka_bootstrap: str) -> None:
    """The overlay `local` for this test: all of it is there, compliance runs."""
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(ROOT / "deploy/k8s/overlays/local", folder)],
        "replicas": [{"name": name, "count": 0} for name in sorted(DEPLOYMENTS.difference(RUNS))],
        "configMapGenerator": [
            {"name": name, "behavior": "merge", "literals": [literal]}
            for name, literal in (
                ("compliance-settings", f"INGESTER_URL={ingester_url}"),
                ("common", f"KAFKA_BOOTSTRAP_SERVERS={kafka_bootstrap}"),
            )
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))


def secrets(stack: Stack, environment: dict[str, str]) -> str:
    """The two Secrets that compliance needs, as the README of the manifests lists them."""
    keys = Path(stack.env["KEYS"])
    contents = {
        "compliance-env": {"DATABASE_URL": environment["COMPLIANCE_DATABASE_URL"]},
        "compliance-files": {
            "api_keys.yaml": (keys / "api_keys.yaml").read_text(),
            "poller.key": (keys / "compliance.key").read_text(),
        },
    }
    return yaml.safe_dump_all(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": content,
        }
        for name, content in contents.items()
    )


def until_ended(job: str, deadline_s: float = 240) -> str:
    """Wait for a Job's end; its condition and reason."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        for one in objects("jobs"):
            owners = [owner["name"] for owner in one["metadata"].get("ownerReferences", ())]
            if job in {one["metadata"]["name"], *owners}:
                for condition in one["status"].get("conditions", ()):
                    if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True":
                        return f"{condition['type']} {condition.get('reason', '')}"
        time.sleep(1)
    raise AssertionError(kubectl("-n", NAMESPACE, "describe", "pods").stdout[-3000:])


def test_every_object_is_accepted_without_a_warning(applied: str) -> None:
    assert "Warning" not in applied
    assert {one["metadata"]["name"] for one in objects("deployments")} == DEPLOYMENTS
    assert len(objects("cronjobs")) == 3


@pytest.mark.usefixtures("applied")
def test_a_field_that_kubernetes_does_not_know_would_have_been_refused() -> None:
    strange = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "strange"}, "dat": {}}
    strict = ("-n", NAMESPACE, "apply", "--server-side", "--validate=strict", "-f", "-")
    answer = kubectl(*strict, stdin=yaml.safe_dump(strange), check=False)
    assert answer.returncode != 0
    assert "dat" in answer.stderr


def test_a_worker_waits_for_the_broker_and_for_the_job_that_makes_the_topics(waited: dict[str, Any]) -> None:
    assert waited["ready"] is False
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/compliance-worker", "--timeout=400s")
    assert until_ended("topics").startswith("Complete")
    assert worker_status()["restartCount"] == 0


@pytest.mark.usefixtures("waited")
def test_a_deployment_migrates_rolls_out_and_answers_through_its_service() -> None:
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/compliance-api", "--timeout=240s")
    path = f"/api/v1/namespaces/{NAMESPACE}/services/compliance-api:http/proxy"
    assert kubectl("get", "--raw", f"{path}/readyz").returncode == 0
    health = json.loads(kubectl("get", "--raw", f"{path}/api/v1/compliance/health").stdout)
    assert (health["service"], health["status"]) == ("compliance", "healthy")


def worker_status() -> dict[str, Any]:
    """The status that Kubernetes reports for the worker's container."""
    (pod,) = objects("pods", "-l", WORKER)
    (container,) = pod["status"]["containerStatuses"]
    return dict(container)


@pytest.mark.usefixtures("waited")
def test_a_job_that_people_must_look_at_fails_at_once_and_the_scheduled_run_is_done() -> None:
    kubectl("-n", NAMESPACE, "create", "job", "--from=cronjob/compliance-health", "never-checked")
    assert until_ended("never-checked") == "Failed PodFailurePolicy"
    assert len(objects("pods", "-l", "job-name=never-checked")) == 1

    every_minute = json.dumps({"spec": {"schedule": "* * * * *"}})
    kubectl("-n", NAMESPACE, "patch", "cronjob/compliance-run", "-p", every_minute)
    assert until_ended("compliance-run").startswith("Complete")
