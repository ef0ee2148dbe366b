"""`ops/alerts.yaml` as the object of the Prometheus operator: `python -m tests.k8s.alerts` writes it again.

Kustomize reads no file outside of its folder, and Prometheus itself accepts no object around its rules. The object is
therefore a written file, and a test compares it with its source.
"""

from typing import Final

from tests.k8s.renderer import ROOT

SOURCE: Final = ROOT / "ops" / "alerts.yaml"
OBJECT: Final = ROOT / "k8s" / "components" / "monitoring" / "prometheus-rule.yaml"

HEAD: Final = """\
# Made from ops/alerts.yaml by `python -m tests.k8s.alerts`. Make changes there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: page-inbox
  labels:
    app.kubernetes.io/name: page-inbox
    release: kube-prometheus-stack
spec:
"""


def prometheus_rule(rules: str) -> str:
    """Returns the text of the object whose spec is these rules, with their comments."""
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in rules.splitlines(keepends=True))


if __name__ == "__main__":
    OBJECT.write_text(prometheus_rule(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
