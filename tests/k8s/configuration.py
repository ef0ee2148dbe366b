"""The configuration of the pods: every variable and file is a setting of the service, every setting is there, and the
service starts."""

import base64
from collections.abc import Iterator
from pathlib import PurePosixPath

from cache.embedded.valkey import PERSISTENT
from cache.embedded.valkey import SETTINGS as STORE_SETTINGS
from ops.settings import SETTINGS, Settings, SettingsRefused, read_settings
from tests.k8s.manifests import Manifests, Object, Pod, quantity
from tests.k8s.pods import service_pods
from tests.k8s.references import SECRETS_BY_HAND

NOT_TOLD = {"DATA_DIR"}
"""Settings that no pod has, because only `run` keeps its own data."""

OF_A_POD = (
    # The probes' user has no password: protected mode would refuse every other pod.
    ("protected-mode", "no"),
    # A second installation in the same server would use the same keys.
    ("databases", "1"),
    # Valkey 8.1 also keeps the arguments of large commands, that is message bodies, in another log than the slow log.
    ("commandlog-request-larger-than", "-1"),
    ("commandlog-reply-larger-than", "-1"),
)
"""Settings that the store in a pod needs in addition to the settings of the embedded store."""

SECRETS = {
    "FACEBOOK_APP_SECRET": "an-app-secret-of-32-letters-more",
    "FACEBOOK_VERIFY_TOKEN": "a-verify-token",
    "REDIS_URL": "redis://page-inbox:a-password@page-inbox-valkey:6379/0",
    "SEAL_KEYS": base64.b64encode(bytes(range(32))).decode(),
    "TOKEN_KEYS": "a-token-key-of-more-than-32-bytes",
}
"""Values that an operator could put into the Secret."""


def variables(manifests: Manifests) -> Iterator[str]:
    """Check the names in both directions. A secret is only a file, and only where it is mounted."""
    names = {setting.name: setting for setting in SETTINGS}
    for pod in service_pods(manifests):
        told = environment(manifests, pod)
        settings = {name.removesuffix("_FILE"): name for name in told}
        for name in sorted(set(settings) - set(names)):
            yield f"{pod.title} is told {settings[name]}, which is no setting"
        for name in sorted(set(names) - set(settings) - NOT_TOLD):
            yield f"{pod.title} is not told {name}"
        mounted = files(pod)
        for name, variable in settings.items():
            if name in names and names[name].secret and variable == name:
                yield f"{pod.title} is told the secret {name} in a variable"
            if variable.endswith("_FILE") and told[variable] not in mounted:
                yield f"{pod.title} is told the file {told[variable]}, which is not mounted"
        for path in sorted(mounted - set(told.values())):
            yield f"{pod.title} mounts {path}, of which it is not told"
        twice = [name for name in told if name.endswith("_FILE") and name.removesuffix("_FILE") in told]
        for name in twice:
            yield f"{pod.title} is told {name} in both ways"


def environment(manifests: Manifests, pod: Pod) -> dict[str, str]:
    """Returns the variables of a pod's container, those of its config maps first."""
    told: dict[str, str] = {}
    for container in pod.containers:
        for source in container.get("envFrom", []):
            held = manifests.find("ConfigMap", source["configMapRef"]["name"])
            told |= held["data"] if held else {}
        told |= {one["name"]: one.get("value", "") for one in container.get("env", [])}
    return told


def files(pod: Pod) -> set[str]:
    """Returns the files of Secrets that the service finds."""
    found = set()
    for volume in pod.spec.get("volumes", []):
        if "secret" not in volume:
            continue
        keys = SECRETS_BY_HAND.get(volume["secret"]["secretName"], set())
        for container in pod.containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] == volume["name"]:
                    found |= {f"{mount['mountPath']}/{key}" for key in keys}
    return found


def settings(manifests: Manifests, pod: Pod) -> Settings:
    """Returns what the service would read in its pod.

    Raises:
        SettingsRefused: the service would not start.
    """
    return read_settings(
        environment(manifests, pod),
        command="serve",
        read_file=lambda path: SECRETS.get(PurePosixPath(path).name, ""),
    )


def start(manifests: Manifests) -> Iterator[str]:
    """Check that the service takes its settings and listens at its ports, and that settings with a default have it."""
    for pod in service_pods(manifests):
        try:
            read = settings(manifests, pod)
        except SettingsRefused as error:
            yield f"{pod.title} would not start: {error}"
            continue
        for name, number in (("http", read.port), ("ops", read.ops_port)):
            if pod.port(name) != number:
                yield f"{pod.title}: port {name} is {pod.port(name)}, and the service listens to {number}"
        told = environment(manifests, pod)
        for setting in SETTINGS:
            if setting.default and told.get(setting.name, setting.default) != setting.default:
                yield f"{pod.title} is told another {setting.name} than the default"


def store(manifests: Manifests) -> Iterator[str]:
    """Check that the store is configured as the embedded one, on a volume, and rewritten at least daily."""
    for pod in manifests.pods():
        if pod.workload["kind"] != "StatefulSet":
            continue
        told = store_configuration(manifests)
        for name, value in (*STORE_SETTINGS, *PERSISTENT, *OF_A_POD):
            if told.get(name) != value:
                yield f"{pod.title} is told {name} {told.get(name)!r}, and should be {value!r}"
        limit = quantity(pod.containers[0].get("resources", {}).get("limits", {}).get("memory", 0))
        if not 0 < quantity(told.get("maxmemory", "0")) * 1.5 <= limit:
            yield f"{pod.title} is killed before it is full"
        requested = quantity(pod.containers[0].get("resources", {}).get("requests", {}).get("memory", 0))
        if requested < quantity(told.get("maxmemory", "0")):
            yield f"{pod.title} requests less memory than its maxmemory"
        claims = {one["metadata"]["name"] for one in pod.workload["spec"].get("volumeClaimTemplates", [])}
        mounts = {one["name"]: one["mountPath"] for one in pod.containers[0]["volumeMounts"]}
        arguments = pod.containers[0].get("args", [])
        places = dict(zip(arguments[::2], arguments[1::2], strict=False))
        if places.get("--dir") not in [mounts.get(name) for name in claims]:
            yield f"{pod.title} does not keep its data on its volume"
        if not any(_rewrites(job) for job in manifests.of("CronJob")):
            yield f"nothing rewrites the file of {pod.title} daily"


def store_configuration(manifests: Manifests) -> dict[str, str]:
    """Returns the lines of valkey.conf."""
    for one in manifests.of("ConfigMap"):
        if "valkey.conf" in one["data"]:
            lines = [line.partition("#")[0].split(None, 1) for line in one["data"]["valkey.conf"].splitlines()]
            return {line[0]: line[1].strip().strip('"') for line in lines if line}
    return {}


def _rewrites(job: Object) -> bool:
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    minute, hour, *rest = job["spec"]["schedule"].split()
    daily = minute.isdigit() and all(one.isdigit() for one in hour.split(",")) and rest == ["*", "*", "*"]
    return daily and pod["containers"][0]["args"] == ["bgrewriteaof"] and not job["spec"].get("suspend")


CHECKS = (variables, start, store)
