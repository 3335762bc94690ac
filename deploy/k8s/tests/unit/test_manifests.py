"""The manifests as kubectl renders them: valid, hardened, complete, and with settings that the services take."""

import functools
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from clawback_common.config.settings import BrokerSettings, CommonSettings
from clawback_local.config import DATABASES, ROOT

KUBERNETES = "1.34"
K8S = ROOT / "deploy/k8s"
OVERLAYS = ("base", "overlays/local", "overlays/production")
NAMES = DATABASES
FOLDERS = ("/etc/clawback", "/etc/tls/clawback")

Object = dict[str, Any]


@functools.cache
def rendered(folder: str) -> tuple[Object, ...]:
    """Every object of a kustomization."""
    kubectl = str(Path(sys.executable).parent / "kubectl")
    done = subprocess.run(  # noqa: S603 - arguments are ours
        [kubectl, "kustomize", str(K8S / folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(folder: str, kind: str) -> dict[str, Object]:
    """The objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in rendered(folder) if one["kind"] == kind}


def pods(folder: str) -> Iterator[tuple[str, Object]]:
    """Name and pod template's spec of everything that runs."""
    for name, one in of_kind(folder, "Deployment").items():
        yield name, one["spec"]["template"]["spec"]
    for name, one in of_kind(folder, "CronJob").items():
        yield name, one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for name, one in of_kind(folder, "Job").items():
        yield name, one["spec"]["template"]["spec"]


def containers(folder: str) -> Iterator[tuple[str, Object]]:
    """Every container, also those before it."""
    for name, pod in pods(folder):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield f"{name}/{container['name']}", container


schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
"""A file of megabytes, which the package reads again for each object."""


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_object_is_valid_to_the_last_field(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", schema_contents)
    for one in rendered(folder):
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_service_has_its_worker_its_api_and_its_migrations(folder: str) -> None:
    deployments = of_kind(folder, "Deployment")
    assert set(deployments) == {f"{name}-{role}" for name in NAMES for role in ("worker", "api")}
    for name, one in deployments.items():
        service, _, role = name.partition("-")
        pod = one["spec"]["template"]["spec"]
        (migrate,), (process,) = pod["initContainers"], pod["containers"]
        assert (migrate["args"], process["args"]) == (["migrate", "--phase", "pre"], [role])
        assert f"clawback-{service}:" in process["image"]
        assert migrate["image"] == process["image"]
        assert migrate["envFrom"] == process["envFrom"]


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_process_runs_as_nobody_with_a_root_that_it_cannot_write(folder: str) -> None:
    for name, pod in pods(folder):
        rights = pod["securityContext"]
        assert (rights["runAsNonRoot"], rights["runAsUser"]) == (True, 65532), name
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
    for name, container in containers(folder):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"requests", "limits"} <= set(container["resources"]), name


@pytest.mark.parametrize("folder", OVERLAYS)
def test_every_process_is_probed_and_has_enough_time_to_end(folder: str) -> None:
    drain_s = CommonSettings.model_fields["drain_timeout_s"].default
    for name, one in of_kind(folder, "Deployment").items():
        pod = one["spec"]["template"]["spec"]
        (process,) = pod["containers"]
        paths = [
            process[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")
        ]
        assert paths == ["/livez", "/livez", "/readyz"], name
        before_s = process.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["terminationGracePeriodSeconds"] > drain_s + before_s + 10, name


@pytest.mark.parametrize("folder", OVERLAYS)
def test_services_and_budgets_select_the_pods_of_one_deployment(folder: str) -> None:
    for name, one in of_kind(folder, "Deployment").items():
        labels = one["spec"]["template"]["metadata"]["labels"]
        chosen = one["spec"]["selector"]["matchLabels"]
        assert chosen.items() <= labels.items()
        assert of_kind(folder, "Service")[name]["spec"]["selector"] == chosen
        assert of_kind(folder, "PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == chosen
    selectors = [str(one["spec"]["selector"]) for one in of_kind(folder, "Deployment").values()]
    assert len(set(selectors)) == len(selectors)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_what_a_pod_refers_to_is_there_or_is_a_secret_of_the_readme(folder: str) -> None:
    maps = of_kind(folder, "ConfigMap")
    for name, pod in pods(folder):
        service = name.partition("-")[0]
        sources = [
            source for volume in pod["volumes"] for source in volume.get("projected", {}).get("sources", ())
        ]
        for source in (*(one for _, c in containers(folder) for one in c["envFrom"]), *sources):
            reference = source.get("configMapRef") or source.get("configMap")
            assert reference is None or reference["name"] in maps or reference.get("optional"), (
                name,
                reference,
            )
        secrets = {source["secret"]["name"] for source in sources if "secret" in source}
        secrets |= {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            secrets |= {one["secretRef"]["name"] for one in container["envFrom"] if "secretRef" in one}
        served = {f"{service}-tls"} if folder == "overlays/production" and service in NAMES else set()
        assert secrets == {f"{service}-env", f"{service}-files"} | served, name
        assert pod["serviceAccountName"] in of_kind(folder, "ServiceAccount"), name


def test_in_production_every_connection_to_a_pod_is_https() -> None:
    for name, one in of_kind("overlays/production", "Deployment").items():
        (process,) = one["spec"]["template"]["spec"]["containers"]
        schemes = [
            process[f"{probe}Probe"]["httpGet"]["scheme"] for probe in ("startup", "liveness", "readiness")
        ]
        assert schemes == ["HTTPS"] * 3, name
        (port,) = of_kind("overlays/production", "Service")[name]["spec"]["ports"]
        assert (port["name"], port["port"]) == ("https", 443), name
    for one in of_kind("overlays/production", "ConfigMap").values():
        assert "http://" not in str(one.get("data"))


def test_in_production_two_replicas_never_share_a_node_that_another_could_spare() -> None:
    for name, one in of_kind("overlays/production", "Deployment").items():
        (spread,) = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname", name
        assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (1, "DoNotSchedule"), name
        assert spread["nodeTaintsPolicy"] == "Honor", name
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items(), name
        assert spread["matchLabelKeys"] == ["pod-template-hash"], name


@pytest.mark.parametrize("folder", ["base", "overlays/production"])
def test_old_and_new_worker_share_the_archive_or_take_turns(folder: str) -> None:
    (claim,) = of_kind(folder, "PersistentVolumeClaim").values()
    strategy = of_kind(folder, "Deployment")["compliance-worker"]["spec"]["strategy"]
    shared = claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert shared or strategy == {"type": "Recreate"}
    assert not shared or strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("path", sorted(K8S.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_nothing_is_patched_twice_with_the_same_words(path: Path) -> None:
    patches = [str(patch) for patch in yaml.safe_load(path.read_text()).get("patches", ())]
    assert len(patches) == len(set(patches))


@pytest.mark.parametrize("folder", OVERLAYS)
def test_topics_are_made_by_a_job_of_the_installation(folder: str) -> None:
    (job,) = of_kind(folder, "Job").values()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "clawback_common.kafka"]
    assert container["args"] == ["provision"]
    optional = container["envFrom"][1]["secretRef"].get("optional", False)
    assert optional is (folder != "overlays/production")
    assert job["spec"]["ttlSecondsAfterFinished"] > 0


def test_jobs_run_when_they_should_alone_and_in_utc() -> None:
    jobs = of_kind("base", "CronJob")
    assert {name: (one["spec"]["schedule"], args(one)) for name, one in jobs.items()} == {
        "compliance-run": ("0 2 * * *", ["run"]),
        "compliance-health": ("0 */6 * * *", ["health"]),
        "retention-sweep": ("0 1 * * 0", ["sweep"]),
    }
    for one in jobs.values():
        spec = one["spec"]
        assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
        assert spec["startingDeadlineSeconds"] >= 3600
        assert spec["successfulJobsHistoryLimit"] > 0
        assert spec["failedJobsHistoryLimit"] > 0


def test_jobs_try_again_what_may_work_the_next_time_and_nothing_else() -> None:
    for one in of_kind("base", "CronJob").values():
        job = one["spec"]["jobTemplate"]["spec"]
        (rule, drained) = job["podFailurePolicy"]["rules"]
        assert rule["action"] == "FailJob"
        assert rule["onExitCodes"] == {"containerName": "service", "operator": "In", "values": [2, 3]}
        assert drained["action"] == "Ignore"
        assert job["backoffLimit"] > 0
        assert job["template"]["spec"]["restartPolicy"] == "Never"


def args(job: Object) -> list[str]:
    """The arguments of a CronJob's container."""
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments


def documented(service: str, kind: str) -> set[str]:
    """The keys that the README requires in a service's Secret."""
    rows = re.findall(
        r"^\| (?:each `<service>|`(\w+))-(env|files|tls)` \| ([^|]+) \|",
        (K8S / "README.md").read_text(),
        re.MULTILINE,
    )
    found = {
        key
        for name, of, keys in rows
        if of == kind and name in {"", service}
        for key in re.findall(r"`([^`]+)`", keys)
    }
    assert found
    return found


EXAMPLES = {
    "DATABASE_URL": "postgresql://role:word@postgres.example/name?sslmode=verify-full",
    "METABASE_URL": "https://metabase.example",
    "REDIS_URL": "rediss://:word@valkey.example:6379/0",
    "SMTP_URL": "smtps://user:word@mail.example:465",
    "SMS_URL": "https://sms.example/messages",
}


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("overlay", ["local", "production"])
def test_every_service_accepts_the_settings_of_its_pods(
    overlay: str, service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = of_kind(f"overlays/{overlay}", "ConfigMap")
    pod = of_kind(f"overlays/{overlay}", "Deployment")[f"{service}-worker"]["spec"]["template"]["spec"]
    for name, content in given_files(pod, maps, service).items():
        (tmp_path / name).write_text(content)
    for name, value in given_env(pod, maps, service).items():
        for folder in FOLDERS:
            value = value.replace(folder, str(tmp_path))  # noqa: PLW2901 - the same value, elsewhere
        monkeypatch.setenv(name, value)
    settings_class = importlib.import_module(f"{service}.settings").Settings
    known = {name.upper() for name in settings_class.model_fields}
    assert set(given_env(pod, maps, service)) - known == set()
    settings_class()


def test_the_job_of_topics_accepts_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = of_kind("overlays/production", "ConfigMap")
    pod = of_kind("overlays/production", "Job")["topics"]["spec"]["template"]["spec"]
    (tmp_path / "kafka-ca.crt").touch()
    for name, value in given_env(pod, maps, "topics").items():
        monkeypatch.setenv(name, value.replace("/etc/clawback", str(tmp_path)))
    assert BrokerSettings().topic_profile == "production"


def given_env(pod: Object, maps: dict[str, Object], service: str) -> dict[str, str]:
    """The variables of a pod's process, with examples for secrets."""
    (process,) = pod["containers"]
    env: dict[str, str] = {}
    for source in process["envFrom"]:
        if "configMapRef" in source:
            env |= maps[source["configMapRef"]["name"]].get("data", {})
    env |= {one["name"]: one["value"] for one in process["env"]}
    return env | {name: EXAMPLES.get(name, "word") for name in documented(service, "env")}


def given_files(pod: Object, maps: dict[str, Object], service: str) -> dict[str, str]:
    """The files of a pod's process, with empty ones for secrets."""
    files = dict.fromkeys(documented(service, "files") | documented(service, "tls"), "")
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            named = source.get("configMap", {}).get("name")
            files |= maps.get(named, {}).get("data", {})
    return files
