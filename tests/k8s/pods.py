"""The rules for every pod: the restricted profile in full, probes, resources, and how the pod ends."""

from collections.abc import Iterator
from typing import Any

from app.server import CLOSE_SECONDS, GRACE_SECONDS
from cache.messages.queue import QUEUE_BYTES
from tests.k8s.manifests import Manifests, Object, Pod, quantity

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
"""Volumes that the restricted profile allows."""

SELINUX = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}

SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}

LEAST_SLEEP = 5
"""Seconds in which proxies learn that a pod ends. Proxies usually need one or two seconds."""

MARGIN = 10
"""Seconds between the server's own end and the kill, in which connections to Redis and Facebook are closed."""

LOG_BYTES = 2 * 5 * 10 * 2**20
"""Bytes of a container's log, which counts as its ephemeral storage. The kubelet keeps five files of 10 MiB
(containerLogMaxFiles, containerLogMaxSize). It checks their size only at times, so the log can have twice this size.
https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation"""

LEAST_USER = 10_000
"""Lower numbers are users that a node may have."""


def restricted(manifests: Manifests) -> Iterator[str]:
    """Check each line of the pod security standard `restricted`."""
    for pod in manifests.pods():
        spec, context = pod.spec, pod.spec.get("securityContext", {})
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(field):
                yield f"{pod.title} has {field}"
        for volume in spec.get("volumes", []):
            for source in set(volume) - {"name"} - VOLUMES:
                yield f"{pod.title} mounts a volume of the kind {source}"
        for sysctl in context.get("sysctls", []):
            if sysctl["name"] not in SYSCTLS:
                yield f"{pod.title} sets {sysctl['name']}"
        if "ephemeralContainers" in spec:
            yield f"{pod.title} has ephemeral containers"
        for container in pod.containers:
            where = f"{pod.title}, container {container['name']},"
            yield from (f"{where} {what}" for what in _container(container, context))


def _container(container: Object, pod: Object) -> Iterator[str]:
    own = container.get("securityContext", {})
    both: dict[str, Any] = {**pod, **own}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if own.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "does not drop all capabilities"
    if set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    if both.get("runAsNonRoot") is not True:
        yield "may run as root"
    if both.get("runAsUser", LEAST_USER) == 0:
        yield "runs as root"
    if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    if both.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in ("RuntimeDefault", "Localhost"):
        yield "has no AppArmor profile"
    selinux = both.get("seLinuxOptions", {})
    if selinux.get("type") not in SELINUX or selinux.get("user") or selinux.get("role"):
        yield "sets SELinux options"
    if own.get("procMount", "Default") != "Default":
        yield "sees another /proc"
    if both.get("windowsOptions", {}).get("hostProcess"):
        yield "is a process of the host"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the host"
    handlers = [container.get(name, {}) for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    handlers += container.get("lifecycle", {}).values()
    if any("host" in action for handler in handlers for action in handler.values() if isinstance(action, dict)):
        yield "has a probe that asks another host"


def hardened(manifests: Manifests) -> Iterator[str]:
    """Check what the profile does not demand: no writable file system, a user by number, no access to the cluster's
    API."""
    for pod in manifests.pods():
        context = pod.spec.get("securityContext", {})
        for container in pod.containers:
            own = container.get("securityContext", {})
            where = f"{pod.title}, container {container['name']},"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{where} may write on its root"
            if {**context, **own}.get("runAsUser", 0) < LEAST_USER:
                yield f"{where} runs as a user below {LEAST_USER}"
            tag = container["image"].rpartition("/")[2].partition(":")[2]
            if "@" not in container["image"] and tag in ("", "latest"):
                yield f"{where} runs whatever is newest"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.title} is given a token of its service account"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.title} is given variables by Services, which may be settings"
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{pod.title} may fill the node with {volume['name']}"
            if "secret" in volume and volume["secret"].get("defaultMode") != 0o440:
                yield f"{pod.title} mounts {volume['name']} for everybody to read"
    for account in manifests.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {account['metadata']['name']} gives tokens to its pods"


def probes(manifests: Manifests) -> Iterator[str]:
    """Check that every server has three probes. The probes of the service use the operators' port, and only readiness
    asks Redis."""
    for pod in manifests.pods():
        if pod.workload["kind"] not in ("Deployment", "StatefulSet"):
            continue
        for container in pod.containers:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in container:
                    yield f"{pod.title} has no {probe}"
                    continue
                for action in ("httpGet", "tcpSocket"):
                    port = container[probe].get(action, {}).get("port")
                    if port is not None and pod.port(port) is None:
                        yield f"{pod.title}: the {probe} asks port {port}, which is not open"
                if container[probe].get("timeoutSeconds", 1) > container[probe].get("periodSeconds", 10):
                    yield f"{pod.title}: the {probe} begins anew before the last is over"
    for pod in service_pods(manifests):
        wanted = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
        for probe, path in wanted.items():
            asked = pod.containers[0].get(probe, {}).get("httpGet", {})
            if (asked.get("path"), asked.get("port")) != (path, "ops"):
                yield f"{pod.title}: the {probe} does not ask {path} of the operators' port"


def resources(manifests: Manifests) -> Iterator[str]:
    """Check that there are requests for both resources, a limit of memory with room for waiting messages, and no limit
    of processor time."""
    for pod in manifests.pods():
        for container in pod.containers:
            held = container.get("resources", {})
            requests, limits = held.get("requests", {}), held.get("limits", {})
            if not {"cpu", "memory"} <= set(requests):
                yield f"{pod.title} does not request processor time and memory"
            if "memory" not in limits:
                yield f"{pod.title} has no limit of memory"
            elif quantity(limits["memory"]) < quantity(requests.get("memory", 0)):
                yield f"{pod.title} requests more memory than it may have"
            if "cpu" in limits:
                yield f"{pod.title} has a limit of processor time, which stalls it"
            disk = quantity(limits.get("ephemeral-storage", 0))
            folders = [one["emptyDir"] for one in pod.spec.get("volumes", []) if "emptyDir" in one]
            if disk < LOG_BYTES + sum(quantity(one.get("sizeLimit", 0)) for one in folders):
                yield f"{pod.title} is evicted when its log and its folders are full"
    for pod in service_pods(manifests):
        limit = quantity(pod.containers[0].get("resources", {}).get("limits", {}).get("memory", 0))
        if limit < 3 * QUEUE_BYTES:
            yield f"{pod.title} is killed before its queue is full"


def ending(manifests: Manifests) -> Iterator[str]:
    """Check that the pod's grace period is the sum of the sleep, the server's grace, its closing and a margin, to the
    second."""
    for pod in service_pods(manifests):
        sleep = pod.containers[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if sleep < LEAST_SLEEP:
            yield f"{pod.title} refuses connections before the proxies know that it is going"
        needed = sleep + GRACE_SECONDS + int(CLOSE_SECONDS) + MARGIN
        if pod.spec.get("terminationGracePeriodSeconds", 30) != needed:
            yield f"{pod.title} should be given {needed} s to end"


def replicas(manifests: Manifests) -> Iterator[str]:
    """Check that a pod has one process, that pods run on different nodes, and that a new pod is ready before the old
    pod ends."""
    for pod in service_pods(manifests):
        if len(pod.containers) != 1 or pod.containers[0].get("args") != ["serve"] or "command" in pod.containers[0]:
            yield f"{pod.title} is not one container that runs `serve`"
        keys = {one["topologyKey"] for one in pod.spec.get("topologySpreadConstraints", [])}
        if not {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} <= keys:
            yield f"{pod.title} is not spread over zones and nodes"
        rolling = pod.workload["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0:
            yield f"{pod.title} takes a pod away before the next is ready"
    for stateful in manifests.of("StatefulSet"):
        if stateful["spec"].get("replicas") != 1:
            yield f"StatefulSet {stateful['metadata']['name']} is not one store"


def service_pods(manifests: Manifests) -> list[Pod]:
    """Returns the pods of the service."""
    return [pod for pod in manifests.pods() if pod.title == "Deployment page-inbox"]


CHECKS = (restricted, hardened, probes, resources, ending, replicas)
