"""References between objects: each must fit the other object."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.k8s.manifests import Manifests, Object, Pod, title

SECRETS_BY_HAND = {
    "page-inbox-secrets": {"FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "REDIS_URL", "SEAL_KEYS", "TOKEN_KEYS"},
    "page-inbox-valkey": {"users.acl", "rewrite-password"},
}
"""The Secrets that k8s/README.md tells the operator to make, and their entries. No manifest holds a secret."""

NAMESPACE = "page-inbox"


def names(manifests: Manifests) -> Iterator[str]:
    """Check that names are unique, that all objects are in one namespace, and that no object is a Secret."""
    for (kind, name), count in Counter((one["kind"], one["metadata"]["name"]) for one in manifests.objects).items():
        if count > 1:
            yield f"{kind} {name} is there {count} times"
    for one in manifests.objects:
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != NAMESPACE:
            yield f"{title(one)} is not in the namespace {NAMESPACE}"
        if one["kind"] == "Secret":
            yield f"{title(one)} is a Secret in the manifests"
    level = "pod-security.kubernetes.io/enforce"
    for one in manifests.of("Namespace"):
        if one["metadata"].get("labels", {}).get(level) != "restricted":
            yield f"{title(one)} does not enforce the restricted profile"


def workloads(manifests: Manifests) -> Iterator[str]:
    """Check that a workload selects only its own pods. Accounts and Services of stateful sets exist."""
    for pod in manifests.pods():
        selector = pod.workload["spec"].get("selector")
        if selector is not None and [one.title for one in manifests.selected(selector)] != [pod.title]:
            yield f"{pod.title} does not select its own pods and only them"
        account = pod.spec.get("serviceAccountName", "default")
        if manifests.find("ServiceAccount", account) is None:
            yield f"{pod.title} names the service account {account}, which is not there"
        service = pod.workload["spec"].get("serviceName")
        if service is not None and manifests.find("Service", service) is None:
            yield f"{pod.title} names the Service {service}, which is not there"
        for spread in pod.spec.get("topologySpreadConstraints", []):
            if [one.title for one in manifests.selected(spread["labelSelector"])] != [pod.title]:
                yield f"{pod.title} spreads pods that are not its own"


def services(manifests: Manifests) -> Iterator[str]:
    """Check that a Service finds pods of one workload only, and that the pods open each of its ports."""
    for service in manifests.of("Service"):
        pods = manifests.selected({"matchLabels": service["spec"]["selector"]})
        if len(pods) != 1:
            yield f"{title(service)} selects the pods of {len(pods)} workloads"
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            for pod in pods:
                if pod.port(target) is None:
                    yield f"{title(service)} sends to port {target}, which {pod.title} does not open"


def ingresses(manifests: Manifests) -> Iterator[str]:
    """Check that every backend exists, and that no backend is the operators' port. The host is the host of PUBLIC_URL,
    with a certificate."""
    for ingress in manifests.of("Ingress"):
        spec, where = ingress["spec"], title(ingress)
        rules = [
            (rule.get("host"), path["backend"]) for rule in spec.get("rules", []) for path in rule["http"]["paths"]
        ]
        if "defaultBackend" in spec:
            rules.append((None, spec["defaultBackend"]))
        for host, backend in rules:
            yield from _backend(manifests, where, backend["service"])
            if host != _public_host(manifests):
                yield f"{where} answers for {host}, and PUBLIC_URL says {_public_host(manifests)}"
            if not any(host in tls["hosts"] for tls in spec.get("tls", [])):
                yield f"{where} has no certificate for {host}"


def routes(manifests: Manifests) -> Iterator[str]:
    """Check that there is an HTTPRoute or an Ingress, but not both. An HTTPRoute needs the host of PUBLIC_URL and
    existing ports."""
    for route in manifests.of("HTTPRoute"):
        where = title(route)
        if manifests.of("Ingress"):
            yield f"{where} is there beside an Ingress"
        if route["spec"]["hostnames"] != [_public_host(manifests)]:
            yield f"{where} answers for {route['spec']['hostnames']}, and PUBLIC_URL says {_public_host(manifests)}"
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                yield from _backend(manifests, where, {**backend, "port": {"number": backend["port"]}})
    if not manifests.of("HTTPRoute") and not manifests.of("Ingress"):
        yield "nothing leads to the public port"


def _backend(manifests: Manifests, where: str, backend: dict[str, Any]) -> Iterator[str]:
    service = manifests.find("Service", backend["name"])
    if service is None:
        yield f"{where} names the Service {backend['name']}, which is not there"
        return
    wanted = backend["port"].get("name", backend["port"].get("number"))
    ports = [port for port in service["spec"]["ports"] if wanted in (port.get("name"), port["port"])]
    if not ports:
        yield f"{where} names port {wanted}, which {title(service)} has not"
    for port in ports:
        for pod in manifests.selected({"matchLabels": service["spec"]["selector"]}):
            if pod.port(port["targetPort"]) == pod.port("ops"):
                yield f"{where} makes the operators' port public"


def _public_host(manifests: Manifests) -> str | None:
    for one in manifests.of("ConfigMap"):
        if "PUBLIC_URL" in one["data"]:
            return urlsplit(str(one["data"]["PUBLIC_URL"])).hostname
    return None


def volumes(manifests: Manifests) -> Iterator[str]:
    """Check that every mounted volume exists and every volume is mounted. Config maps, Secrets and entries of Secrets
    that a pod names must exist too."""
    for pod in manifests.pods():
        held = {one["name"] for one in pod.spec.get("volumes", [])}
        held |= {one["metadata"]["name"] for one in pod.workload["spec"].get("volumeClaimTemplates", [])}
        mounted = {one["name"] for container in pod.containers for one in container.get("volumeMounts", [])}
        for name in sorted(mounted - held):
            yield f"{pod.title} mounts {name}, which is no volume of its"
        for name in sorted(held - mounted):
            yield f"{pod.title} has the volume {name} and mounts it nowhere"
        for volume in pod.spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and manifests.find("PersistentVolumeClaim", claim) is None:
                yield f"{pod.title} names the volume claim {claim}, which is not there"
        yield from _sources(manifests, pod)


def _sources(manifests: Manifests, pod: Pod) -> Iterator[str]:
    for name in config_maps(pod):
        if manifests.find("ConfigMap", name) is None:
            yield f"{pod.title} names the config map {name}, which is not there"
    for name, keys in secrets(pod):
        if name not in SECRETS_BY_HAND:
            yield f"{pod.title} names the Secret {name}, which nobody makes"
        for key in sorted(keys - SECRETS_BY_HAND.get(name, keys)):
            yield f"{pod.title} wants {key} of the Secret {name}, which has no such entry"


def config_maps(pod: Pod) -> Iterator[str]:
    """Yields the config maps that a pod names."""
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            yield volume["configMap"]["name"]
    for container in pod.containers:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield source["configMapRef"]["name"]
        for variable in container.get("env", []):
            if "configMapKeyRef" in variable.get("valueFrom", {}):
                yield variable["valueFrom"]["configMapKeyRef"]["name"]


def secrets(pod: Pod) -> Iterator[tuple[str, set[str]]]:
    """Yields the Secrets that a pod names, each with the named entries."""
    for volume in pod.spec.get("volumes", []):
        if "secret" in volume:
            yield volume["secret"]["secretName"], {item["key"] for item in volume["secret"].get("items", [])}
    for container in pod.containers:
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield source["secretRef"]["name"], set()
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                reference = variable["valueFrom"]["secretKeyRef"]
                yield reference["name"], {reference["key"]}


def external_secrets(manifests: Manifests) -> Iterator[str]:
    """Check that the ExternalSecret makes exactly the entries that a person would make by hand."""
    for one in manifests.of("ExternalSecret"):
        name = one["spec"]["target"]["name"]
        if name not in {named for pod in manifests.pods() for named, _ in secrets(pod)}:
            yield f"{title(one)} makes the Secret {name}, which no pod names"
        keys = {entry["secretKey"] for entry in one["spec"]["data"]}
        for key in sorted(keys ^ SECRETS_BY_HAND.get(name, set())):
            yield f"{title(one)} and k8s/README.md differ in the entry {key}"


def scaling(manifests: Manifests) -> Iterator[str]:
    """Check that the target of an autoscaler has no number of its own. A budget allows one pod to stop."""
    floors: dict[str, int] = {}
    for one in manifests.of("HorizontalPodAutoscaler"):
        spec = one["spec"]
        target = manifests.find(spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"])
        if target is None:
            yield f"{title(one)} scales what is not there"
            continue
        floors[title(target)] = spec["minReplicas"]
        if "replicas" in target["spec"]:
            yield f"{title(target)} has replicas, and an autoscaler"
        if spec["minReplicas"] < 2:
            yield f"{title(one)} lets the service be one pod, which cannot be taken away"
        if spec["maxReplicas"] <= spec["minReplicas"]:
            yield f"{title(one)} cannot scale"
        yield from _measured(manifests, one, target)
    if "Deployment page-inbox" not in floors:
        yield "nothing scales the service"
    budgeted = [pod.title for one in manifests.of("PodDisruptionBudget") for pod in _budgeted(manifests, one)]
    if "Deployment page-inbox" not in budgeted:
        yield "no budget holds for the service"
    for one in manifests.of("PodDisruptionBudget"):
        for pod in _budgeted(manifests, one):
            if _blocks(one["spec"], floors.get(pod.title, pod.workload["spec"].get("replicas", 1))):
                yield f"{title(one)} lets no pod go"


def _measured(manifests: Manifests, scaler: Object, target: Object) -> Iterator[str]:
    resources = [metric["resource"]["name"] for metric in scaler["spec"]["metrics"] if metric["type"] == "Resource"]
    if resources != ["cpu"]:
        yield f"{title(scaler)} does not go by processor time"
    for pod in manifests.pods():
        if pod.workload is target and not all("cpu" in one["resources"]["requests"] for one in pod.containers):
            yield f"{title(scaler)} goes by processor time, of which {pod.title} requests none"


def _budgeted(manifests: Manifests, budget: Object) -> list[Pod]:
    return manifests.selected(budget["spec"]["selector"])


def _blocks(spec: Object, replicas: int) -> bool:
    if "maxUnavailable" in spec:
        return spec["maxUnavailable"] in (0, "0%")
    return not isinstance(spec["minAvailable"], int) or spec["minAvailable"] >= replicas


def monitors(manifests: Manifests) -> Iterator[str]:
    """Check that a monitor finds one Service, names an operators' port that exists, and names the job as the
    alerts do."""
    for one in manifests.of("ServiceMonitor"):
        spec, wanted = one["spec"], one["spec"]["selector"]["matchLabels"].items()
        found = [s for s in manifests.of("Service") if wanted <= s["metadata"].get("labels", {}).items()]
        if len(found) != 1:
            yield f"{title(one)} finds {len(found)} Services"
        for service in found:
            if service["metadata"]["labels"].get(spec.get("jobLabel")) != "page-inbox":
                yield f"{title(one)} does not give the job's name page-inbox"
            ports = {port["name"]: port for port in service["spec"]["ports"]}
            for endpoint in spec["endpoints"]:
                if endpoint["port"] not in ports:
                    yield f"{title(one)} asks port {endpoint['port']}, which {title(service)} has not"
                elif ports[endpoint["port"]]["targetPort"] != "ops" or endpoint["path"] != "/metrics":
                    yield f"{title(one)} does not ask the operators' port for /metrics"


def alerts(manifests: Manifests) -> Iterator[str]:
    """Check that the objects of the monitoring have the label that its Helm release selects. Alerts link to a web page,
    and the dashboard is there."""
    rules = manifests.of("PrometheusRule")
    releases = {one["metadata"]["labels"].get("release") for one in (*rules, *manifests.of("ServiceMonitor"))}
    if len(releases) > 1 or None in releases:
        yield f"the monitoring's objects have the releases {releases}: Prometheus does not take them all"
    for rule in (rule for one in rules for group in one["spec"]["groups"] for rule in group["rules"]):
        link = urlsplit(rule.get("annotations", {}).get("runbook_url", ""))
        if "alert" in rule and not (link.scheme == "https" and link.netloc and link.fragment):
            yield f"{rule['alert']} links to {link.geturl()!r}, which is no web page"
    dashboards = [one for one in manifests.of("ConfigMap") if "dashboard.json" in one["data"]]
    if len(dashboards) != len(rules):
        yield "the alerts come without the dashboard"
    for one in dashboards:
        if one["metadata"].get("labels", {}).get("grafana_dashboard") != "1":
            yield f"{title(one)} is not labelled as a dashboard of Grafana"


CHECKS = (names, workloads, services, ingresses, routes, volumes, external_secrets, scaling, monitors, alerts)
