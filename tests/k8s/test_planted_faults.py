"""Broken copies of the manifests: the checks catch each one, with a sentence that helps."""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.k8s.checks import CHECKS
from tests.k8s.renderer import ROOT, RenderRefused, render


class Fault(NamedTuple):
    """In `file`, `old` is replaced by `new`. The finding must contain `told`."""

    title: str
    file: str
    old: str
    new: str
    told: str
    overlay: str = "production"


DEPLOYMENT = "base/deployment.yaml"
SERVICES = "base/services.yaml"
POLICIES = "components/network-policy/policies.yaml"
VALKEY = "overlays/single/valkey.yaml"
CONF = "overlays/single/valkey.conf"

FAULTS = (
    Fault("a_service_that_finds_nobody", SERVICES, "selector:\n    app.kubernetes.io/name: page-inbox",
          "selector:\n    app.kubernetes.io/name: inbox", "selects the pods of 0 workloads"),
    Fault("a_port_that_is_not_open", SERVICES, "targetPort: http", "targetPort: web", "port web, which"),
    Fault("the_operators_port_made_public", "base/ingress.yaml", "name: page-inbox\n                port:\n"
          "                  name: http", "name: page-inbox-ops\n                port:\n                  name: ops",
          "makes the operators' port public"),
    Fault("the_operators_port_behind_the_public_service", SERVICES, "targetPort: http", "targetPort: ops",
          "makes the operators' port public"),
    Fault("an_ingress_for_another_host", "overlays/production/kustomization.yaml", "index: 2", "index: 0",
          "answers for https:, and PUBLIC_URL says"),
    Fault("a_config_map_that_is_not_there", DEPLOYMENT, "name: page-inbox-settings", "name: settings",
          "config map settings, which is not there"),
    Fault("a_service_account_that_is_not_there", DEPLOYMENT, "serviceAccountName: page-inbox",
          "serviceAccountName: inbox", "service account inbox, which is not there"),
    Fault("a_volume_mounted_by_another_name", DEPLOYMENT, "- name: tmp\n          emptyDir", "- name: temp\n"
          "          emptyDir", "mounts tmp, which is no volume"),
    Fault("a_secret_that_nobody_makes", DEPLOYMENT, "secretName: page-inbox-secrets", "secretName: secrets",
          "the Secret secrets, which nobody makes"),
    Fault("an_entry_forgotten_in_the_external_secret", "components/external-secret/external-secret.yaml",
          "    - secretKey: SEAL_KEYS\n      remoteRef: {key: page-inbox, property: SEAL_KEYS}\n", "",
          "differ in the entry SEAL_KEYS"),
    Fault("a_setting_misspelt", "base/settings.env", "MESSAGE_TTL=", "MESSAGES_TTL=",
          "is told MESSAGES_TTL, which is no setting"),
    Fault("a_setting_left_out", "base/settings.env", "CORS_ORIGINS=\n", "", "is not told CORS_ORIGINS"),
    Fault("a_message_kept_for_six_days", "base/settings.env", "MESSAGE_TTL=432000", "MESSAGE_TTL=518400",
          "would not start"),
    Fault("another_port_than_the_servers", "base/settings.env", "OPS_PORT=9000", "OPS_PORT=9001",
          "the service listens to 9001"),
    Fault("a_secret_in_a_variable", DEPLOYMENT, "- name: TOKEN_KEYS_FILE\n              value: "
          "/run/secrets/page-inbox/TOKEN_KEYS", "- name: TOKEN_KEYS\n              value: a-key-of-thirty-two-letters-"
          "and-more", "is told the secret TOKEN_KEYS in a variable"),
    Fault("liveness_that_asks_for_redis", DEPLOYMENT,
          "path: /livez\n              port: ops\n            periodSeconds: 10",
          "path: /readyz\n              port: ops\n            periodSeconds: 10",
          "the livenessProbe does not ask /livez"),
    Fault("no_readiness_probe", DEPLOYMENT, "readinessProbe:", "x-readinessProbe:", "has no readinessProbe"),
    Fault("a_file_system_to_write_on", DEPLOYMENT, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
          "may write on its root"),
    Fault("capabilities_kept", DEPLOYMENT, "drop: [ALL]", "drop: [NET_RAW]", "does not drop all capabilities"),
    Fault("a_pod_that_may_be_root", DEPLOYMENT, "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
    Fault("no_seccomp_profile", DEPLOYMENT, "type: RuntimeDefault", "type: Unconfined", "has no seccomp profile"),
    Fault("a_folder_of_the_node", DEPLOYMENT, "emptyDir:\n            sizeLimit: 16Mi", "hostPath:\n"
          "            path: /tmp", "a volume of the kind hostPath"),
    Fault("a_token_for_the_cluster", DEPLOYMENT, "automountServiceAccountToken: false",
          "automountServiceAccountToken: true", "is given a token of its service account"),
    Fault("variables_from_services", DEPLOYMENT, "enableServiceLinks: false", "enableServiceLinks: true",
          "given variables by Services"),
    Fault("no_sleep_before_the_end", DEPLOYMENT, "seconds: 10", "seconds: 1", "before the proxies know"),
    Fault("killed_before_the_end", DEPLOYMENT, "terminationGracePeriodSeconds: 40",
          "terminationGracePeriodSeconds: 30", "should be given 40 s to end"),
    Fault("no_limit_of_memory", DEPLOYMENT, "memory: 384Mi\n", "", "has no limit of memory"),
    Fault("two_processes", DEPLOYMENT, "args: [serve]", "command: [sh, -c, page-inbox serve & page-inbox serve]",
          "is not one container that runs `serve`"),
    Fault("replicas_beside_the_autoscaler", DEPLOYMENT, "  selector:\n    matchLabels: *labels\n  strategy:",
          "  replicas: 2\n  selector:\n    matchLabels: *labels\n  strategy:", "has replicas, and an autoscaler"),
    Fault("an_autoscaler_of_nothing", "base/autoscaling.yaml", "kind: Deployment\n    name: page-inbox",
          "kind: Deployment\n    name: inbox", "scales what is not there"),
    Fault("a_budget_that_blocks", "base/autoscaling.yaml", "maxUnavailable: 1", "minAvailable: 2", "lets no pod go"),
    Fault("a_field_that_does_not_exist", DEPLOYMENT, "imagePullPolicy:", "imagePullPolice:", "1.37 refuses"),
    Fault("a_version_that_is_gone", "base/autoscaling.yaml", "autoscaling/v2\n", "autoscaling/v2beta2\n",
          "knows no HorizontalPodAutoscaler of autoscaling/v2beta2"),
    Fault("a_field_that_the_monitor_does_not_have", "components/monitoring/service-monitor.yaml",
          "scrapeTimeout: 10s", "scrapeTimout: 10s", "its model does not know .spec.endpoints[0].scrapeTimout"),
    Fault("a_monitor_of_no_port", "components/monitoring/service-monitor.yaml", "port: ops", "port: metrics",
          "asks port metrics, which"),
    Fault("a_monitor_that_no_policy_lets_in", POLICIES, "- port: ops", "- port: http", "which no policy lets through"),
    Fault("the_operators_port_open_to_the_ingress", POLICIES, "name: monitoring", "name: ingress",
          "the operators' port is not for the monitoring alone"),
    Fault("private_addresses_let_out", POLICIES, "169.254.0.0/16, ", "", "the private range 169.254.0.0/16"),
    Fault("nothing_closed_by_default", POLICIES, "podSelector: {}\n  policyTypes: [Ingress, Egress]",
          "podSelector: {}\n  policyTypes: [Ingress]", "no policy closes what the other policies do not name"),
    Fault("a_rule_for_everybody", POLICIES,
          "- to:\n        - ipBlock:\n            cidr: 10.0.0.0/8\n        - ipBlock:\n            cidr: 172.16.0.0/12"
          "\n        - ipBlock:\n            cidr: 192.168.0.0/16\n      ports:", "- ports:", "which is for everybody"),
    Fault("a_job_by_another_name", "components/monitoring/service-monitor.yaml", "  jobLabel: app.kubernetes.io/name\n",
          "", "does not give the job's name"),
    Fault("a_monitor_of_another_release", "components/monitoring/service-monitor.yaml",
          "    release: kube-prometheus-stack\n", "", "unable to find field"),
    Fault("alerts_that_link_nowhere", "overlays/production/monitoring.env", "https://git.example.com/page-inbox/docs/",
          "docs/", "links to 'docs/runbook.md#pageinbox"),
    Fault("a_dashboard_that_grafana_does_not_load", "components/monitoring/kustomization.yaml", "grafana_dashboard",
          "dashboard", "is not labelled as a dashboard"),
    Fault("no_name_servers", POLICIES, "- port: 53\n          protocol: UDP\n        ", "", "may not ask name servers"),
    Fault("no_way_to_redis", POLICIES, "port: 6379", "port: 6380", "may not reach Redis"),
    Fault("a_namespace_without_the_profile", "base/namespace.yaml", "enforce: restricted", "enforce: baseline",
          "does not enforce the restricted profile"),
    Fault("a_resource_that_is_not_there", "base/kustomization.yaml", "- services.yaml", "- service.yaml",
          "service.yaml"),
    Fault("the_store_drops_messages", CONF, "maxmemory-policy noeviction", "maxmemory-policy allkeys-lru",
          "is told maxmemory-policy 'allkeys-lru'", "single"),
    Fault("the_store_forgets_at_a_restart", CONF, "appendonly yes", "appendonly no", "is told appendonly 'no'",
          "single"),
    Fault("the_store_writes_beside_its_volume", VALKEY, "mountPath: /data", "mountPath: /var/data",
          "does not keep its data on its volume", "single"),
    Fault("the_store_is_killed_when_full", VALKEY, "memory: 1536Mi", "memory: 768Mi", "is killed before it is full",
          "single"),
    Fault("the_store_requests_too_little", VALKEY, "memory: 1Gi", "memory: 512Mi", "requests less memory than its",
          "single"),
    Fault("the_log_does_not_fit", DEPLOYMENT, "ephemeral-storage: 256Mi", "ephemeral-storage: 64Mi",
          "is evicted when its log"),
    Fault("an_ingress_of_another_namespace", POLICIES, "ingress-nginx", "ingress",
          "the usual ingress controller may not"),
    Fault("no_name_server_of_the_node", POLICIES, "169.254.20.10/32", "169.254.20.11/32", "may not ask name servers"),
    Fault("two_databases", CONF, "databases 1\n", "databases 16\n", "is told databases '16'", "single"),
    Fault("nothing_public", "base/kustomization.yaml", "  - ingress.yaml\n", "", "nothing leads to the public port"),
    Fault("the_file_is_never_rewritten", "overlays/single/valkey-rewrite.yaml", "17 3,15 * * *", "17 3 * * 1",
          "rewrites the file", "single"),
    Fault("the_store_is_two", VALKEY, "replicas: 1", "replicas: 2", "is not one store", "single"),
    Fault("the_store_is_open", "overlays/single/valkey-policy.yaml", "policyTypes: [Ingress, Egress]\n  ingress:",
          "policyTypes: [Egress]\n  ingress:", "rules of ingress that are not in force", "single"),
)  # fmt: skip


@pytest.mark.timeout(300)
def test_every_planted_fault_is_found_and_every_check_finds_a_fault() -> None:
    """The finding names the fault. This is one test, because both checks need all broken copies."""
    found = {fault: findings(fault) for fault in FAULTS}
    assert {
        fault.title: told for fault, told in found.items() if not any(fault.told in problem for _, problem in told)
    } == {}
    met = {check for told in found.values() for check, _ in told}
    assert met - {"kustomize"} == {check.__name__ for check in CHECKS}


def findings(fault: Fault) -> tuple[tuple[str, str], ...]:
    """Returns the findings about a copy with this fault, each with its check."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = Path(shutil.copytree(ROOT / "k8s", Path(scratch) / "k8s"))
        file = folders / fault.file
        text = file.read_text(encoding="utf-8")
        assert fault.old in text, "the fault no longer fits the file"
        file.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")
        try:
            manifests = render(folders / "overlays" / fault.overlay)
        except RenderRefused as error:
            return (("kustomize", str(error)),)
    return tuple((check.__name__, problem) for check in CHECKS for problem in check(manifests))
