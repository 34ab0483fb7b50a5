"""Nodes, storage, configuration, and the API server's own health."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import BY_IAM_PRINCIPAL, COMPLETE, EVENT, ITSELF, changed
from eks_audit_constructs.catalog.guards import (
    API_SERVER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_NODE_MANAGER,
    EKS_SERVICE_ROLE,
    GARBAGE_COLLECTOR,
    KUBELETS,
    NAMESPACE_CONTROLLER,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.conditions.expression import field

_DELETED = ("delete", "deletecollection")
_CODE = field("responseStatus.code")

API_SERVER_ERRORS = Detection(
    id="api-server-errors",
    title="The API server answers with errors (5xx)",
    severity=Severity.LOW,
    condition=EVENT & COMPLETE & (_CODE >= 500),
    what="Many requests ended with an error of the server's own.",
    why="A failing webhook, a full etcd or an overloaded control plane stops deployments, and may stop what checks "
    "them.",
    next_steps="The query shows whose requests fail, and for what. One resource: look at its admission webhook. "
    "All of them: look at the AWS Health Dashboard and at who sends the most requests.",
    commands=ranking("responseStatus.code", "objectRef.resource", count="errors"),
    techniques=("T1499",),
    threshold=50,
    grounds="A version upgrade or a webhook's restart causes a few dozen at once.",
    false_positives=("An admission webhook whose pods are being replaced.", "An upgrade of the control plane."),
    tags=("cluster", "health"),
)

API_THROTTLED = Detection(
    id="api-throttled",
    title="The API server turns requests away (429)",
    severity=Severity.LOW,
    # An eviction that a disruption budget forbids is a 429 too.
    condition=EVENT & COMPLETE & (_CODE == 429) & ~(field("objectRef.subresource") == "eviction"),
    what="The API server refused many requests because their share of its capacity was used up.",
    why="Something sends too many requests: a runaway controller, a scan, or a deliberate flood. It slows others down.",
    next_steps="The query shows who was turned away; the cause is often someone else: see who sends the most requests.",
    commands=ranking("objectRef.resource", count="refused"),
    techniques=("T1499",),
    threshold=100,
    grounds="Clients wait and try again; a hundred in five minutes is no longer a peak.",
    false_positives=("Controllers that list everything when they start, in a large cluster.",),
    tags=("cluster", "health"),
)

CONFIG_MAP_CHANGED = Detection(
    id="config-map-changed",
    title="Someone changed a ConfigMap by hand",
    severity=Severity.LOW,
    condition=changed("configmaps") & BY_IAM_PRINCIPAL,
    guards=(EKS_ADDON_MANAGER, EKS_NODE_MANAGER, EKS_SERVICE_ROLE),
    what="A principal that logged in through IAM created, changed or deleted a ConfigMap.",
    why="ConfigMaps hold start-up scripts and addresses: a quiet way to change what a workload does.",
    next_steps="Compare with what you deploy; the content is not in the audit log.",
    techniques=("T1565.001",),
    false_positives=("Pipelines that deploy with an IAM role. Exclude it.",),
    blind_spots=("What was changed: EKS logs ConfigMaps without their content.",),
    tags=("cluster",),
)

ETCD_SPACE = Detection(
    id="etcd-space",
    title="The cluster's database is full",
    severity=Severity.HIGH,
    condition=EVENT & COMPLETE & (field("responseStatus.message") == "*database space exceeded*"),
    what="Writes fail because etcd has reached its size limit.",
    why="The cluster is read-only until space is freed: nothing deploys, nothing heals, no token is renewed.",
    next_steps="Find what fills it (kubectl get --raw /metrics | grep apiserver_storage_objects): most often events, "
    "ConfigMaps or custom resources of one controller. Stop it, delete its objects, and ask AWS Support to defragment.",
    commands=ranking("objectRef.resource", count="failed"),
    techniques=("T1499",),
    tags=("cluster", "health"),
)

NODE_CORDONED = Detection(
    id="node-cordoned",
    title="Someone took a node out of service",
    severity=Severity.LOW,
    condition=changed("nodes", verbs=["update", "patch"])
    & ITSELF
    & field("responseObject.spec.unschedulable").is_true()
    & BY_IAM_PRINCIPAL,
    guards=(EKS_NODE_MANAGER, EKS_SERVICE_ROLE),
    what="A principal that logged in through IAM cordoned a node, or changed one that is cordoned.",
    why="It moves workloads: towards a node of someone's choice, or nowhere.",
    next_steps="Ask the principal. Not planned: kubectl uncordon, and look at what was scheduled meanwhile.",
    techniques=("T1489",),
    false_positives=("Maintenance by hand; node upgrades driven by a pipeline.",),
    tags=("cluster",),
)

NODE_DELETED = Detection(
    id="node-deleted",
    title="Someone deleted a node",
    severity=Severity.MEDIUM,
    condition=changed("nodes", verbs=_DELETED) & BY_IAM_PRINCIPAL,
    guards=(EKS_NODE_MANAGER, EKS_SERVICE_ROLE),
    what="A principal that logged in through IAM deleted a node; EKS and autoscalers in the cluster are not counted.",
    why="Its pods are lost to the cluster, and its instance keeps running unseen.",
    next_steps="Ask the principal. Look for an instance that is no longer a node: aws ec2 describe-instances.",
    techniques=("T1489",),
    false_positives=("Maintenance by hand; node upgrades driven by a pipeline.",),
    tags=("cluster",),
)

NODE_REGISTERED = Detection(
    id="node-registered",
    title="A node was registered by something other than a kubelet",
    severity=Severity.MEDIUM,
    condition=changed("nodes", verbs=["create"]) & ITSELF,
    guards=(KUBELETS, EKS_SERVICE_ROLE),
    what="A Node object was created, but not by the kubelet of a node.",
    why="A fake node receives the Secrets and tokens of the pods that are scheduled on it.",
    next_steps="Look for an instance of that name. If there is none: delete the node, rotate the Secrets of what was "
    "scheduled there, and revoke the principal's session.",
    techniques=("T1610",),
    false_positives=("Virtual and simulated nodes (virtual-kubelet, KWOK).",),
    blind_spots=("An instance of yours or a stranger's that joins with a kubelet and valid credentials.",),
    tags=("cluster",),
)

PERSISTENT_VOLUME_CREATED = Detection(
    id="persistent-volume-created",
    title="A volume on a node's own disk was created",
    severity=Severity.MEDIUM,
    condition=changed("persistentvolumes", verbs=["create", "update", "patch"])
    & ITSELF
    & (field("responseObject.spec.hostPath.path").exists() | field("responseObject.spec.local.path").exists()),
    what="A PersistentVolume that is a folder of a node was created or changed.",
    why="A pod that claims it reads and writes that folder without a hostPath of its own, past the policies against "
    "hostPath.",
    next_steps="See which path it is and which claim it is bound to. Not planned: delete both, and look at the pods "
    "that mounted them.",
    commands=listing("responseObject.spec.hostPath.path as host_path", "responseObject.spec.local.path as local_path"),
    techniques=("T1611",),
    false_positives=("Local-storage provisioners for disks of nodes.",),
    tags=("cluster",),
)

SERVICE_CHANGED = Detection(
    id="service-changed",
    title="A Service was created or deleted",
    severity=Severity.LOW,
    condition=changed("services", verbs=["create", *_DELETED]) & ITSELF,
    guards=(API_SERVER, EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP, GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER),
    what="A Service was created or deleted, and not with its namespace or owner.",
    why="A new one may pose as another; a deleted one takes an application off the network.",
    next_steps="Compare with what you deploy.",
    commands=listing("responseObject.spec.type as type"),
    techniques=("T1489",),
    false_positives=("Every deployment of something new: Helm, GitOps, operators.",),
    tags=("cluster",),
)

STORAGE_DELETED = Detection(
    id="storage-deleted",
    title="Someone deleted volumes or snapshots",
    severity=Severity.MEDIUM,
    condition=changed("persistentvolumeclaims", "persistentvolumes", "volumesnapshots", verbs=_DELETED)
    & BY_IAM_PRINCIPAL,
    guards=(EKS_SERVICE_ROLE,),
    what="A principal that logged in through IAM deleted claims, volumes or snapshots of volumes.",
    why="With the usual reclaim policy the disk is deleted too: this is how ransom and sabotage begin.",
    next_steps="Ask the principal at once. Not planned: revoke the session, stop what is being deleted (finalizers), "
    "and look for snapshots in EC2.",
    commands=listing("objectRef.resource"),
    techniques=("T1485", "T1490"),
    false_positives=("Removing an application by hand or by a pipeline.",),
    tags=("cluster",),
)

ERRORS_BY_CODE = SavedQuery(
    id="requests-by-code",
    title="Cluster - requests by answer, over time",
    answers="How many requests were served, refused, turned away or failed, per five minutes?",
    condition=EVENT & COMPLETE,
    commands=("stats count(*) as requests by bin(5m) as time, responseStatus.code", "sort time desc", "limit 10000"),
)
LOAD_BY_CLIENT = SavedQuery(
    id="load-by-client",
    title="Cluster - who sends the most requests",
    answers="Which principals and clients ask the API server how often, and for what?",
    condition=EVENT & COMPLETE,
    commands=(
        "stats count(*) as requests by user.username, userAgent, verb, objectRef.resource",
        "sort requests desc",
        "limit 100",
    ),
)
NODES_BY_CHANGE = SavedQuery(
    id="nodes-come-and-gone",
    title="Cluster - nodes that came and went",
    answers="Which nodes were registered and deleted, by whom, and when?",
    condition=changed("nodes", verbs=["create", *_DELETED]) & ITSELF,
    commands=listing(),
)

DEFAULT = ()
EXTENDED = (
    API_SERVER_ERRORS,
    API_THROTTLED,
    ETCD_SPACE,
    NODE_DELETED,
    NODE_REGISTERED,
    PERSISTENT_VOLUME_CREATED,
    STORAGE_DELETED,
)
QUERIED = (CONFIG_MAP_CHANGED, NODE_CORDONED, SERVICE_CHANGED)
QUERIES = (ERRORS_BY_CODE, LOAD_BY_CLIENT, NODES_BY_CHANGE)
