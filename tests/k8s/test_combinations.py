"""Every overlay renders with no component, with each one and with all, and the checks find no fault."""

import re
import shutil
from itertools import chain, combinations, product
from pathlib import Path

import pytest

from tests.house.sources import pyproject
from tests.k8s.alerts import OBJECT, SOURCE, prometheus_rule
from tests.k8s.checks import problems
from tests.k8s.renderer import ROOT, render
from tests.k8s.schemas import models

OVERLAYS = tuple(sorted(path.name for path in (ROOT / "k8s" / "overlays").iterdir()))
COMPONENTS = tuple(sorted(path.name for path in (ROOT / "k8s" / "components").iterdir()))
SETS = tuple(chain.from_iterable(combinations(COMPONENTS, size) for size in (0, 1, len(COMPONENTS))))
"""The sets are: no component, each component alone, and all components. If two components conflict, they also conflict
in the set of all."""


KINDS = {
    "gateway": {"HTTPRoute"},
    "external-secret": {"ExternalSecret"},
    "monitoring": {"ServiceMonitor", "PrometheusRule"},
    "network-policy": {"NetworkPolicy"},
    "purge-journal": {"PersistentVolumeClaim"},
}


def choose(folders: Path, overlay: str, components: tuple[str, ...]) -> Path:
    """Let the overlay have exactly these components."""
    place = folders / "overlays" / overlay
    file = place / "kustomization.yaml"
    text, count = re.subn(r"^components:\n(?: +.*\n)+", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    lines = "".join(f"  - ../../components/{name}\n" for name in components)
    file.write_text(text + (f"components:\n{lines}" if components else ""), encoding="utf-8")
    return place


def test_the_tables_list_every_overlay_and_component() -> None:
    """A new overlay or component is tried without a change here, but it needs a line in KINDS."""
    assert OVERLAYS == ("production", "single")
    assert tuple(sorted(KINDS)) == COMPONENTS


@pytest.mark.timeout(300)
def test_every_combination_renders_without_problems(tmp_path: Path) -> None:
    """The objects of each component are there. This is one test, because each process that checks manifests reads all
    schemas first."""
    for number, (overlay, components) in enumerate(product(OVERLAYS, SETS)):
        folders = Path(shutil.copytree(ROOT / "k8s", tmp_path / str(number)))
        manifests = render(choose(folders, overlay, components))
        chosen = (overlay, components)
        assert (chosen, problems(manifests)) == (chosen, [])
        kinds = {one["kind"] for one in manifests.objects}
        for component, brought in KINDS.items():
            if component in components:
                assert brought <= kinds, chosen
            elif component != "network-policy":
                assert not brought & kinds, chosen
        assert ("StatefulSet" in kinds) == (overlay == "single"), chosen


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_unchanged_overlay_renders_without_problems(overlay: str) -> None:
    """The overlay has the components that it names itself."""
    assert problems(render(ROOT / "k8s" / "overlays" / overlay)) == []


def test_the_host_of_the_public_address_is_set_in_one_place(folders: Path) -> None:
    """The place is the overlay's settings. The Ingress uses the same host."""
    file = folders / "overlays" / "production" / "settings.env"
    file.write_text("FACEBOOK_APP_ID=1234567890\nPUBLIC_URL=https://inbox.a-shop.example\n", encoding="utf-8")
    manifests = render(folders / "overlays" / "production")
    assert problems(manifests) == []
    spec = manifests.of("Ingress")[0]["spec"]
    assert (spec["rules"][0]["host"], spec["tls"][0]["hosts"]) == ("inbox.a-shop.example", ["inbox.a-shop.example"])


def test_the_runbook_and_the_release_of_the_monitoring_are_set_in_one_place(folders: Path) -> None:
    """The place is the overlay's monitoring.env, which is not applied."""
    file = folders / "overlays" / "production" / "monitoring.env"
    file.write_text("RUNBOOK_URL=https://wiki.a-shop.example/inbox\nPROMETHEUS_RELEASE=metrics\n", encoding="utf-8")
    manifests = render(folders / "overlays" / "production")
    assert problems(manifests) == []
    [rules], [monitor] = manifests.of("PrometheusRule"), manifests.of("ServiceMonitor")
    links = [
        rule["annotations"]["runbook_url"] for group in rules["spec"]["groups"] for rule in group["rules"]
        if "alert" in rule
    ]  # fmt: skip
    assert "https://wiki.a-shop.example/inbox#pageinboxnotscraped" in links
    assert all(link.startswith("https://wiki.a-shop.example/inbox#pageinbox") for link in links)
    assert rules["metadata"]["labels"]["release"] == monitor["metadata"]["labels"]["release"] == "metrics"
    assert manifests.find("ConfigMap", "page-inbox-monitoring") is None


def test_a_changed_setting_rolls_the_pods(folders: Path) -> None:
    """The config map then has another name."""
    place = folders / "overlays" / "single"
    before = render(place).of("Deployment")[0]["spec"]["template"]
    with (place / "settings.env").open("a", encoding="utf-8") as file:
        file.write("LOG_LEVEL=debug\n")
    assert render(place).of("Deployment")[0]["spec"]["template"] != before


def test_the_image_is_this_version() -> None:
    """The Dockerfile starts the command line with this argument."""
    [deployment] = render(ROOT / "k8s" / "overlays" / "production").of("Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"page-inbox:{pyproject()['project']['version']}"
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r'^ENTRYPOINT \["[a-z/]*/page-inbox"\]$', dockerfile, re.MULTILINE)
    assert f"USER {deployment['spec']['template']['spec']['securityContext']['runAsUser']}" in dockerfile


def test_the_alerts_equal_their_source() -> None:
    """The texts are equal: `python -m tests.k8s.alerts` writes the copy."""
    assert OBJECT.read_text(encoding="utf-8") == prometheus_rule(SOURCE.read_text(encoding="utf-8"))


def test_every_model_belongs_to_a_kind_that_is_used(folders: Path) -> None:
    """The list has no name that is not used."""
    every = render(choose(folders, "production", COMPONENTS))
    assert set(models()) <= {(one["apiVersion"], one["kind"]) for one in every.objects}
