"""Rendered objects, and functions that the checks use to read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")

NAME = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Pod:
    """A pod that a workload would make: its labels, its spec, and the workload's name for findings."""

    workload: Object
    labels: Mapping[str, str]
    spec: Object

    @property
    def title(self) -> str:
        """Returns for example `Deployment page-inbox`."""
        return title(self.workload)

    @property
    def containers(self) -> list[Object]:
        """Returns all containers, including the init containers."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def port(self, port: str | int) -> int | None:
        """Returns the number of a port, by its name or number, or None if no container opens the port."""
        for container in self.containers:
            for one in container.get("ports", []):
                if port in (one.get("name"), one["containerPort"]):
                    return int(one["containerPort"])
        return None


@dataclass(frozen=True)
class Manifests:
    """The objects that would be applied."""

    objects: tuple[Object, ...]

    def of(self, kind: str) -> list[Object]:
        """Returns the objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def find(self, kind: str, name: str) -> Object | None:
        """Returns one object."""
        return next((one for one in self.of(kind) if one["metadata"]["name"] == name), None)

    def pods(self) -> Iterator[Pod]:
        """Yields the pods that the workloads would make."""
        for one in self.objects:
            if one["kind"] in WORKLOADS:
                spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
                template = spec["template"] if one["kind"] != "Pod" else one
                yield Pod(one, template["metadata"].get("labels", {}), template["spec"])

    def selected(self, selector: Mapping[str, Any]) -> list[Pod]:
        """Returns the pods that a label selector finds."""
        return [pod for pod in self.pods() if matches(selector, pod.labels)]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Returns True if a label selector matches these labels. An empty selector matches all. Only `matchLabels` is used
    here."""
    unknown = set(selector) - {"matchLabels"}
    if unknown:
        raise ValueError(f"this selector is more than the checks understand: {sorted(unknown)}")
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())


def title(one: Object) -> str:
    """Returns `Kind name`."""
    return f"{one['kind']} {one['metadata']['name']}"


def quantity(text: str | int) -> float:
    """Returns `250m`, `384Mi` or `768mb` as a number."""
    units = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "mb": 2**20, "gb": 2**30}
    for unit, factor in units.items():
        if str(text).endswith(unit):
            return float(str(text).removesuffix(unit)) * factor
    return float(text)
