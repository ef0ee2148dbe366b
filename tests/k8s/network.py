"""Which pods may connect to each other: what the policies must allow, and what they must forbid."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from tests.k8s.manifests import NAME, Manifests, Object, Pod, matches, title

PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
PRIVATE_6 = ("fc00::/7", "fe80::/10")
EVERYWHERE = {"0.0.0.0/0": PRIVATE, "::/0": PRIVATE_6}

REDIS_PORT = 6379

NODE_LOCAL_DNS = {"ipBlock": {"cidr": "169.254.20.10/32"}}
"""https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/"""


def policies(manifests: Manifests) -> Iterator[str]:
    """Check that each policy is about pods that exist and names ports that are open. No rule allows every peer."""
    for policy in manifests.of("NetworkPolicy"):
        spec, where = policy["spec"], title(policy)
        chosen = manifests.selected(spec["podSelector"])
        if not chosen:
            yield f"{where} is about no pods"
        for way, peers in (("ingress", "from"), ("egress", "to")):
            rules = spec.get(way, [])
            if rules and way.capitalize() not in spec["policyTypes"]:
                yield f"{where} has rules of {way} that are not in force"
            for rule in rules:
                if not rule.get(peers) or not rule.get("ports"):
                    yield f"{where} has a rule of {way} without {peers} or ports, which is for everybody"
                yield from _rule(manifests, where, chosen, way, rule)


def _rule(manifests: Manifests, where: str, chosen: list[Pod], way: str, rule: Object) -> Iterator[str]:
    peers: list[Object] = rule.get("from" if way == "ingress" else "to") or []
    others = [_pods(manifests, peer) for peer in peers]
    if any(found == [] for found in others):
        yield f"{where} has a rule of {way} for pods that are not there"
    targets = chosen if way == "ingress" else [pod for found in others if found for pod in found]
    for port in rule.get("ports", []):
        if targets and not any(pod.port(port["port"]) for pod in targets):
            yield f"{where} names port {port['port']}, which is not open"


def _pods(manifests: Manifests, peer: Object) -> list[Pod] | None:
    """Returns the pods of this namespace that a peer names, or None for a peer outside."""
    if "ipBlock" in peer or "namespaceSelector" in peer:
        return None
    return manifests.selected(peer["podSelector"])


def closed(manifests: Manifests) -> Iterator[str]:
    """Check that the component forbids all connections of pods that no policy allows. Without the component, the
    policies must still close every pod except the service's own."""
    held = manifests.of("NetworkPolicy")
    for pod in manifests.pods():
        about = [one for one in held if matches(one["spec"]["podSelector"], pod.labels)]
        ways = {way for one in about for way in one["spec"]["policyTypes"]}
        wanted = component_used(manifests) or pod.labels.get(NAME) != "page-inbox"
        if wanted and ways != {"Ingress", "Egress"}:
            yield f"{pod.title} is open to the network"
    if component_used(manifests) and not any(_is_for_all(one["spec"]) for one in held):
        yield "no policy closes what the other policies do not name"


def component_used(manifests: Manifests) -> bool:
    """Returns True if a policy is about the service's own pods or about all pods."""
    return any(
        one["spec"]["podSelector"].get("matchLabels", {}).get(NAME, "page-inbox") == "page-inbox"
        for one in manifests.of("NetworkPolicy")
    )


def _is_for_all(spec: Object) -> bool:
    rules = spec.get("ingress", []) + spec.get("egress", [])
    return spec["podSelector"] == {} and set(spec["policyTypes"]) == {"Ingress", "Egress"} and not rules


def service(manifests: Manifests) -> Iterator[str]:
    """Check the service's policy: HTTP comes in, only the monitoring reaches the operators' port, and connections out
    lead to Redis, name servers and Facebook."""
    if not component_used(manifests):
        return
    pod = next(pod for pod in manifests.pods() if pod.title == "Deployment page-inbox")
    into, out = list(_rules(manifests, pod, "ingress")), list(_rules(manifests, pod, "egress"))
    if not _peers(into, "http"):
        yield "nobody may ask the public port"
    if _namespace("ingress-nginx") not in _peers(into, "http"):
        yield "the usual ingress controller may not ask the public port"
    monitoring = _namespace("monitoring")
    if _peers(into, "ops") != [monitoring]:
        yield "the operators' port is not for the monitoring alone"
    for monitor in manifests.of("ServiceMonitor"):
        for endpoint in monitor["spec"]["endpoints"]:
            if monitoring not in _peers(into, endpoint["port"]):
                yield f"{title(monitor)} asks port {endpoint['port']}, which no policy lets through"
    for pod_out in (pod, *(one for one in manifests.pods() if one.workload["kind"] == "CronJob")):
        for way in ("UDP", "TCP"):
            servers = _peers(_rules(manifests, pod_out, "egress"), 53, way)
            if not any("podSelector" in peer for peer in servers) or NODE_LOCAL_DNS not in servers:
                yield f"{pod_out.title} may not ask name servers"
    yield from _facebook(out)
    yield from _redis(manifests, _peers(out, REDIS_PORT))


def _namespace(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _facebook(out: list[Object]) -> Iterator[str]:
    blocks = {peer["ipBlock"]["cidr"]: peer["ipBlock"] for peer in _peers(out, 443) if "ipBlock" in peer}
    if len(blocks) != len(_peers(out, 443)) or set(blocks) != set(EVERYWHERE):
        yield "443 is not let out to everywhere, or to more than addresses"
    for cidr, private in EVERYWHERE.items():
        left_out = {ip_network(one) for one in blocks.get(cidr, {}).get("except", [])}
        for one in private:
            if ip_network(one) not in left_out:
                yield f"443 is let out to the private range {one}"


def _redis(manifests: Manifests, peers: list[Object]) -> Iterator[str]:
    if not peers:
        yield "the service may not reach Redis"
    for peer in peers:
        if "ipBlock" in peer and not any(_within(peer["ipBlock"]["cidr"], one) for one in PRIVATE):
            yield "Redis is let out to public addresses"
    stores = manifests.of("StatefulSet")
    if stores and any("ipBlock" in peer for peer in peers):
        yield "the store is a pod, and its port is let out elsewhere too"


def _within(cidr: str, wide: str) -> bool:
    one, other = ip_network(cidr), ip_network(wide)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def _rules(manifests: Manifests, pod: Pod, way: str) -> Iterator[Object]:
    for policy in manifests.of("NetworkPolicy"):
        if matches(policy["spec"]["podSelector"], pod.labels):
            yield from policy["spec"].get(way, [])


def _peers(rules: Any, port: str | int, protocol: str = "TCP") -> list[Object]:
    """Returns the peers that the rules of a port name."""
    return [
        peer
        for rule in rules
        if any((one["port"], one.get("protocol", "TCP")) == (port, protocol) for one in rule.get("ports", []))
        for peer in (rule.get("from") or rule.get("to") or [])
    ]


CHECKS = (policies, closed, service)
