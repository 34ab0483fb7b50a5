"""How traffic gets in and who may talk to whom."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ITSELF, changed
from eks_audit_constructs.catalog.guards import (
    EKS_ADDON_MANAGER,
    EKS_CLOUD_CONTROLLER_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_KMS_STORAGE_MIGRATOR,
    EKS_SERVICE_ROLE,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import field

_WRITTEN = ("create", "update", "patch")
_SERVICE = changed("services", verbs=_WRITTEN) & ITSELF
# The response has the whole Service, even if only its type was patched.
_TYPE = field("responseObject.spec.type")
_DASHBOARD = (
    (field("objectRef.name") == "*dashboard*")
    | (field("objectRef.name") == "istio-ingressgateway")
    | (field("objectRef.namespace") == "kubeflow")
)
_SHOWN = listing("responseObject.spec.type as type", "responseObject.spec.ports.0.port as port")

COREDNS_CONFIG_CHANGED = Detection(
    id="coredns-config-changed",
    title="The cluster's DNS was reconfigured",
    severity=Severity.HIGH,
    # deletecollection names no object: it deletes CoreDNS's with the rest.
    condition=changed("configmaps")
    & (field("objectRef.namespace") == "kube-system")
    & (field("objectRef.name").is_in(["coredns", "coredns-custom"]) | (field("verb") == "deletecollection")),
    guards=(EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP, EKS_KMS_STORAGE_MIGRATOR),
    what="The ConfigMap of CoreDNS in kube-system was created, changed or deleted by someone other than EKS.",
    why="Whoever answers DNS decides where every pod connects to: one rewrite line sends traffic to an attacker.",
    next_steps="Compare kubectl -n kube-system get configmap coredns with the one you deploy; its content is not in "
    "the audit log. Not planned: restore it, restart CoreDNS, and look at what else the principal did.",
    techniques=("T1557",),
    false_positives=("You manage CoreDNS yourself, with Helm or GitOps.",),
    blind_spots=("What was changed: EKS logs ConfigMaps without their content.",),
    tags=("network",),
)

EXPOSED_DASHBOARD = Detection(
    id="exposed-dashboard",
    title="A dashboard was opened to the network",
    severity=Severity.HIGH,
    condition=_SERVICE & _DASHBOARD & _TYPE.is_in(["LoadBalancer", "NodePort"]),
    guards=(EKS_CLOUD_CONTROLLER_MANAGER,),
    what="A Service that looks like a dashboard or a Kubeflow gateway became a load balancer or a node port.",
    why="Dashboards act with the rights of their own account, often an administrator's, and many ask for no password.",
    next_steps="See who can reach it (the load balancer's scheme and security groups) and whether it asks for a login. "
    "Not planned: set the type back to ClusterIP, and look at what its service account did since.",
    commands=_SHOWN,
    techniques=("T1133", "T1190"),
    false_positives=("A dashboard behind a login or an internal load balancer.",),
    blind_spots=("Dashboards with other names, and those opened by an Ingress.",),
    tags=("network",),
)

EXTERNAL_IP_SERVICE = Detection(
    id="external-ip-service",
    title="A Service claims external addresses",
    severity=Severity.MEDIUM,
    condition=_SERVICE & field("responseObject.spec.externalIPs[0]").exists(),
    what="A Service with spec.externalIPs was created or changed.",
    why="Nodes then send traffic for these addresses to the Service's pods, whoever they belong to: an interception "
    "that needs no more than the right to make Services (CVE-2020-8554).",
    next_steps="Ask the principal what the addresses are for. On EKS there is rarely a reason: delete the Service, and "
    "deny the field by an admission policy.",
    commands=listing("responseObject.spec.externalIPs.0 as address", "responseObject.spec.ports.0.port as port"),
    techniques=("T1557",),
    false_positives=("Clusters that route addresses of their own to nodes.",),
    tags=("network",),
)

LOAD_BALANCER_SERVICE = Detection(
    id="load-balancer-service",
    title="A load balancer was made or changed",
    severity=Severity.LOW,
    condition=_SERVICE & (_TYPE == "LoadBalancer"),
    guards=(EKS_CLOUD_CONTROLLER_MANAGER, EKS_SERVICE_ROLE),
    what="A Service of type LoadBalancer was created or changed.",
    why="It may open pods to the internet, past every Ingress and its rules.",
    next_steps="Check whether the load balancer is internal (its annotations) and who may reach it (its security "
    "groups). Not planned: set the type back to ClusterIP.",
    commands=_SHOWN,
    techniques=("T1133",),
    false_positives=(
        "Deployments of gateways and ingress controllers.",
        "The AWS Load Balancer Controller adding its finalizer to a new Service.",
    ),
    tags=("network",),
)

NETWORK_POLICY_CHANGED = Detection(
    id="network-policy-changed",
    title="A NetworkPolicy was changed",
    severity=Severity.LOW,
    condition=changed("networkpolicies", group="networking.k8s.io") & ITSELF,
    guards=(GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER),
    what="A NetworkPolicy was created, changed or deleted.",
    why="It says which pods may talk to which. A deleted one opens a namespace to every pod of the cluster.",
    next_steps="Compare with the policies you deploy; a delete by a person deserves a question. Restore what is gone.",
    commands=listing("responseObject.spec.policyTypes.0 as direction"),
    techniques=("T1686.001",),
    false_positives=("Deployments that carry their own policies: Helm, GitOps controllers, operators.",),
    tags=("network",),
)

NODE_PORT_SERVICE = Detection(
    id="node-port-service",
    title="A port was opened on every node",
    severity=Severity.MEDIUM,
    condition=_SERVICE & (_TYPE == "NodePort"),
    what="A Service of type NodePort was created or changed.",
    why="It listens on each node's own address: where nodes have public addresses, only their security group is "
    "between it and the internet.",
    next_steps="Ask the principal what it is for, and check the nodes' security groups. An Ingress or a load balancer "
    "is nearly always the better way.",
    commands=_SHOWN,
    techniques=("T1133",),
    false_positives=("Ingresses of the AWS Load Balancer Controller in instance mode, which need node ports.",),
    blind_spots=("The node ports that a Service of type LoadBalancer opens as well.",),
    tags=("network",),
)

INGRESS_WITHOUT_TLS = SavedQuery(
    id="ingress-without-tls",
    title="Network - Ingresses without TLS of their own",
    answers="Which Ingresses were created or changed without a tls section? An ALB may have its certificate from an "
    "annotation instead.",
    condition=changed("ingresses", verbs=_WRITTEN) & ITSELF,
    commands=('filter @message not like /"tls":\\[/', *listing("responseObject.spec.rules.0.host as name_asked_for")),
)
SERVICES_OPENED = SavedQuery(
    id="services-opened-by-principal",
    title="Network - who opens Services, and how",
    answers="Which principals made how many load balancers and node ports, in which namespaces?",
    condition=_SERVICE & _TYPE.is_in(["LoadBalancer", "NodePort"]),
    commands=(
        "stats count(*) as changes, count_distinct(objectRef.name) as services, latest(objectRef.name) as example "
        "by user.username, responseObject.spec.type, objectRef.namespace",
        "sort changes desc",
        "limit 100",
    ),
)

DEFAULT = ()
EXTENDED = (COREDNS_CONFIG_CHANGED, EXPOSED_DASHBOARD, EXTERNAL_IP_SERVICE, NETWORK_POLICY_CHANGED, NODE_PORT_SERVICE)
QUERIED = (LOAD_BALANCER_SERVICE,)
QUERIES = (INGRESS_WITHOUT_TLS, SERVICES_OPENED)
