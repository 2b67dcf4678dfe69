"""The files that start a cluster elsewhere say what Ray and Kubernetes take, and agree."""

import copy
import re
import shlex
from pathlib import Path

import pytest
import typer

from catdog_core import cli

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
yaml = pytest.importorskip("yaml", reason="the files are YAML")
kubernetes = pytest.importorskip("kubernetes_validate", reason="it brings the schemas")
KUBERNETES = "1.37"
CLUSTERS = ("ray-cluster.yaml", "ray-cluster-aws.yaml")
MANIFESTS = ("kuberay.yaml", "kuberay-sweep.yaml")
# As documented for ray.io/v1: what the lab's manifests may use, what they must, and of what type.
FIELDS = {
    "RayCluster": {
        "rayVersion": str,
        "enableInTreeAutoscaling": bool,
        "autoscalerOptions": dict,
        "headGroupSpec": dict,
        "workerGroupSpecs": list,
    },
    "autoscalerOptions": {
        "upscalingMode": str,
        "idleTimeoutSeconds": int,
        "env": list,
        "resources": dict,
        "securityContext": dict,
    },
    "headGroupSpec": {"serviceType": str, "rayStartParams": dict, "template": dict},
    "workerGroupSpecs": {
        "groupName": str,
        "replicas": int,
        "minReplicas": int,
        "maxReplicas": int,
        "rayStartParams": dict,
        "template": dict,
    },
    "RayJob": {
        "clusterSelector": dict,
        "submissionMode": str,
        "entrypoint": str,
        "submitterPodTemplate": dict,
    },
}


def documents(*names):
    return [d for n in names for d in yaml.safe_load_all((DEPLOY / n).read_text("utf-8"))]


def of_kind(kind, found=None):
    return [each for each in found or documents(*MANIFESTS) if each["kind"] == kind]


def ray_version():
    line = (ROOT / "requirements-cluster.txt").read_text("utf-8")
    return re.search(r"^ray\[.*?\]>=([\d.]+),<", line, re.M)[1]


def pods(found=None):
    """Every pod template of the manifests, by where it stands."""
    found = found or documents(*MANIFESTS)
    cluster = of_kind("RayCluster", found)[0]["spec"]
    told = {"head": cluster["headGroupSpec"]["template"]}
    told |= {each["groupName"]: each["template"] for each in cluster["workerGroupSpecs"]}
    told["sweep"] = of_kind("RayJob", found)[0]["spec"]["submitterPodTemplate"]
    return told | {"pages": of_kind("Deployment", found)[0]["spec"]["template"]}


def check_fields(kind, spec):
    """Raise where a part of a custom resource is not as documented."""
    allowed = FIELDS[kind]
    assert set(spec) <= set(allowed), (kind, set(spec) - set(allowed))
    for name, value in spec.items():
        assert isinstance(value, allowed[name]), (kind, name)
    if kind == "RayCluster":
        for part in ("autoscalerOptions", "headGroupSpec"):
            check_fields(part, spec[part])
        for group in spec["workerGroupSpecs"]:
            check_fields("workerGroupSpecs", group)
            assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert spec["autoscalerOptions"]["upscalingMode"] in ("Default", "Aggressive")
    if "rayStartParams" in spec:
        assert all(isinstance(value, str) for value in spec["rayStartParams"].values())


def test_every_kind_of_kubernetes_itself_fits_its_schema():
    built_in = [d for d in documents(*MANIFESTS) if not d["apiVersion"].startswith("ray.io/")]
    assert {d["kind"] for d in built_in} == {
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "NetworkPolicy",
    }
    for document in built_in:
        kubernetes.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", ["head", "trainers", "sweep", "pages"])
def test_every_pod_fits_the_schema_of_pods(name):
    template = copy.deepcopy(pods()[name])
    whole = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {}, "template": template}
    kubernetes.validate(whole, KUBERNETES, strict=True)
    template["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(whole, KUBERNETES, strict=True)


def test_the_parts_of_kuberay_are_as_documented():
    for kind in ("RayCluster", "RayJob"):
        for each in of_kind(kind):
            assert each["apiVersion"] == "ray.io/v1"
            check_fields(kind, each["spec"])
    broken = of_kind("RayCluster")[0]["spec"]
    broken["workerGroupSpecs"][0]["minReplica"] = 0
    with pytest.raises(AssertionError):
        check_fields("RayCluster", broken)


def test_rays_own_autoscaler_reads_the_cluster():
    pytest.importorskip("ray", reason="the autoscaler is Ray's")
    from ray.autoscaler._private.kuberay import autoscaling_config
    from ray.autoscaler._private.util import validate_config

    resource = of_kind("RayCluster")[0]
    resource["metadata"]["namespace"] = "catdog"
    config = autoscaling_config._derive_autoscaling_config_from_ray_cr(resource)
    validate_config(config)
    group = resource["spec"]["workerGroupSpecs"][0]
    told = config["available_node_types"][group["groupName"]]
    assert (told["min_workers"], told["max_workers"]) == (0, group["maxReplicas"])
    assert told["resources"]["CPU"] == 2
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0


@pytest.mark.parametrize("name", CLUSTERS)
def test_ray_up_takes_the_cluster_file(name):
    pytest.importorskip("ray", reason="the validator is Ray's")
    from ray.autoscaler._private.util import prepare_config, validate_config

    (config,) = documents(name)
    ready = prepare_config(copy.deepcopy(config))
    validate_config(ready)
    assert ready["head_node_type"] in ready["available_node_types"]
    if name == "ray-cluster.yaml":
        machines = len(config["provider"]["worker_ips"])
        assert config["min_workers"] == config["max_workers"] == machines
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config({**ready, "idle_timeout": 1})


@pytest.mark.parametrize("name", CLUSTERS)
def test_all_nodes_start_alike_with_a_token_and_a_shared_workspace(name):
    (config,) = documents(name)
    head, worker = config["head_start_ray_commands"][-1], config["worker_start_ray_commands"][-1]
    for each in (head, worker):
        assert "RAY_AUTH_MODE=token" in each
        assert "CATDOG_WORKSPACE=/mnt/catdog/workspace" in each
    port = re.search(r"--port=(\d+)", head)[1]
    assert f"$RAY_HEAD_IP:{port}" in worker
    assert "--dashboard-host=127.0.0.1" in head
    assert "~/.ray/auth_token" in config["file_mounts"]
    for file in re.findall(r"~/catdog-lab/(\S+)", " ".join(config["setup_commands"])):
        assert (ROOT / file).is_file()


def test_every_flag_is_one_of_ray_start():
    pytest.importorskip("ray", reason="the flags are Ray's")
    from ray.scripts import scripts

    known = {flag for each in scripts.start.params for flag in each.opts}
    spec = of_kind("RayCluster")[0]["spec"]
    used = {f"--{key}" for key in spec["headGroupSpec"]["rayStartParams"]}
    used |= {f"--{key}" for group in spec["workerGroupSpecs"] for key in group["rayStartParams"]}
    for config in documents(*CLUSTERS):
        commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
        used |= set(re.findall(r"--[a-z-]+", " ".join(commands)))
    assert len(used) > 5
    assert used <= known


def test_versions_of_ray_are_those_of_the_requirements():
    version = ray_version()
    assert of_kind("RayCluster")[0]["spec"]["rayVersion"] == version
    for name, template in pods().items():
        for container in template["spec"]["containers"]:
            assert container["image"].endswith(f":ray-{version}"), name
    bounds = [
        re.search(r"^ray\[.*?\](\S+)", (ROOT / file).read_text("utf-8"), re.M)[1]
        for file in ("requirements-cluster.txt", "deploy/requirements.txt")
    ]
    assert bounds[0] == bounds[1]


def test_every_volume_claim_secret_and_service_that_is_named_exists():
    text = "".join((DEPLOY / name).read_text("utf-8") for name in MANIFESTS)
    claims = {each["metadata"]["name"] for each in of_kind("PersistentVolumeClaim")}
    secrets = set(re.findall(r"create secret generic (\S+)", text))
    for name, template in pods().items():
        spec = template["spec"]
        volumes = {each["name"]: each for each in spec.get("volumes", [])}
        named = [v["persistentVolumeClaim"] for v in volumes.values() if "emptyDir" not in v]
        assert {each["claimName"] for each in named} <= claims, name
        for container in spec["containers"]:
            assert {m["name"] for m in container.get("volumeMounts", [])} == set(volumes), name
            sources = [e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e]
            assert {each["name"] for each in sources} == secrets, name
    assert all(
        "--from-literal=auth_token" in line for line in re.findall(r".*create secret.*", text)
    )
    (job,), (cluster,) = of_kind("RayJob"), of_kind("RayCluster")
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster["metadata"]["name"]}


def test_nobody_is_root_and_everybody_has_bounds_and_probes():
    for name, template in pods().items():
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True, name
        for container in template["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
            if name != "sweep":  # it ends by itself
                assert {"readinessProbe", "livenessProbe"} <= set(container)


def test_ports_agree_and_only_the_lab_reaches_rays():
    (service,), (policy,) = of_kind("Service"), of_kind("NetworkPolicy")
    pages = pods()["pages"]
    (port,) = pages["spec"]["containers"][0]["ports"]
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"EXPOSE {port['containerPort']}" in dockerfile
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert service["spec"]["type"] == "ClusterIP"
    labels = pages["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    head = pods()["head"]["spec"]["containers"][0]
    assert {p["containerPort"] for p in head["ports"]} == {6379, 8265, 10001}
    allowed = [each["from"][0] for each in policy["spec"]["ingress"]]
    inside = allowed[0]["podSelector"]["matchLabels"]
    for template in pods().values():
        assert inside.items() <= template["metadata"]["labels"].items()
    assert policy["spec"]["ingress"][1]["ports"] == [{"protocol": "TCP", "port": 8265}]


def test_the_image_of_a_cluster_is_built_from_the_labs_own_file():
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    text = (DEPLOY / "kuberay.yaml").read_text("utf-8")
    (asked,) = set(re.findall(r"--build-arg REQUIREMENTS=(\S+)", text))
    assert (ROOT / asked).is_file()
    assert "ARG REQUIREMENTS=requirements.txt" in dockerfile
    for line in re.findall(r"^COPY ((?!--).*) \S+$", dockerfile, re.M):
        for file in line.split():
            assert (ROOT / file).exists(), file
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert not {"deploy", asked, "requirements-cluster.txt"} & set(ignored)


def test_the_sweep_that_is_handed_in_is_a_command_of_the_lab():
    words = shlex.split(of_kind("RayJob")[0]["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "catdog_core"]
    command = typer.main.get_command(cli.app).commands[words[3]]
    flags = {flag for each in command.params for flag in each.opts}
    assert {word for word in words[4:] if word.startswith("--")} <= flags


def test_heads_fix_the_port_without_which_no_ray_client_gets_in():
    head = of_kind("RayCluster")[0]["spec"]["headGroupSpec"]["rayStartParams"]
    assert int(head["runtime-env-agent-port"]) > 0
    for config in documents(*CLUSTERS):
        commands = " ".join(config["head_start_ray_commands"])
        assert re.search(r"--runtime-env-agent-port=\d+ ", commands)
