"""All checks of the manifests."""

from tests.k8s import configuration, network, pods, references, schemas
from tests.k8s.manifests import Manifests

CHECKS = (*references.CHECKS, *pods.CHECKS, *network.CHECKS, *configuration.CHECKS, *schemas.CHECKS)


def problems(manifests: Manifests) -> list[str]:
    """Returns the faults, each as a sentence."""
    return [problem for check in CHECKS for problem in check(manifests)]
