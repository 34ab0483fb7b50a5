"""Workloads: what is made, changed and deleted, by whom, and where."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ALLOWED, BY_IAM_PRINCIPAL, ITSELF, NOT_A_TRIAL, changed
from eks_audit_constructs.catalog.guards import (
    CRON_JOB_CONTROLLER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_KMS_STORAGE_MIGRATOR,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    TTL_CONTROLLER,
    WORKLOAD_CONTROLLERS,
    Guard,
)
from eks_audit_constructs.catalog.pods import POD, POD_CREATED, TEMPLATE, WRITTEN, columns
from eks_audit_constructs.catalog.query import listing, ranking
from eks_audit_constructs.conditions.expression import Expression, field

_POD_LISTING = listing(*columns(POD, "responseObject.metadata.name as pod"))
_DELETE = ("delete", "deletecollection")
_DEPLOYED = "Your deployment tools: Helm, GitOps controllers, CI. Exclude their principals, and the rest is rare."
_MAKES_PODS = "CI runners and workflow engines that make pods themselves: exclude their service accounts."


def _workload(
    id: str,
    title: str,
    condition: Expression,
    *guards: Guard,
    what: str,
    why: str,
    techniques: tuple[str, ...],
    severity: Severity = Severity.LOW,
    next_steps: str = "Compare with what you deploy. Not planned: ask the principal, keep a copy of it and delete it, "
    "and see what its pods did.",
    commands: tuple[str, ...] = listing(*columns(TEMPLATE)),
    false_positives: tuple[str, ...] = (_DEPLOYED,),
    blind_spots: tuple[str, ...] = (),
) -> Detection:
    return Detection(
        id=id,
        title=title,
        severity=severity,
        condition=condition,
        guards=guards,
        what=what,
        why=why,
        next_steps=next_steps,
        commands=commands,
        techniques=techniques,
        false_positives=false_positives,
        blind_spots=blind_spots,
        tags=("workloads",),
    )


_LOST = "Ask the principal. Not planned: restore it from its manifests, revoke the session, and see what else is gone."
_TIDY = ("Releases that replace it, previews that come and go: exclude the principal that does this.",)

CONTROLLER_SERVICE_ACCOUNT_USED = _workload(
    "controller-service-account-used",
    "A pod runs as one of Kubernetes' own controllers",
    # Controllers run in the control plane, never in a pod: such a pod counts whoever made it, from whatever template.
    changed("pods", verbs=["create"])
    & (field("objectRef.namespace") == "kube-system")
    & field(f"{POD}.serviceAccountName").is_in(
        [
            "clusterrole-aggregation-controller",
            "deployment-controller",
            "horizontal-pod-autoscaler",
            "namespace-controller",
            "node-controller",
            "persistent-volume-binder",
            "*-garbage-collector",
            "*job-controller",
            "*set-controller",
        ]
    ),
    severity=Severity.HIGH,
    what="A pod was made in kube-system with the service account of a controller of Kubernetes.",
    why="Such an account can make pods anywhere, delete anything or extend roles, and other detections do not count "
    "it: they leave out the controllers.",
    next_steps="No real controller runs in a pod. Delete the pod and what made it, see who wrote that, and what the "
    "account did meanwhile from the pod's address.",
    commands=_POD_LISTING,
    techniques=("T1078.001", "T1610", "T1528"),
    false_positives=("A program of your own in kube-system whose account is named like a controller.",),
    blind_spots=(
        "Controllers with fewer rights; a token minted without a pod, which kube-system-token-minted counts.",
    ),
)
CRON_JOB_CHANGED = _workload(
    "cron-job-changed",
    "A CronJob was created or changed",
    changed("cronjobs", verbs=WRITTEN) & ITSELF,
    EKS_KMS_STORAGE_MIGRATOR,
    GARBAGE_COLLECTOR,
    what="Someone created or changed a CronJob.",
    why="It comes back by itself: an intruder's way to stay after their credentials are revoked.",
    commands=listing(
        *columns(f"{POD}.jobTemplate.spec.template.spec", f"{POD}.schedule as schedule"),
        f"{POD}.jobTemplate.spec.template.spec.containers.0.command.0 as command",
    ),
    techniques=("T1053.007",),
)
DAEMON_SET_CREATED = _workload(
    "daemon-set-created",
    "A DaemonSet was created",
    changed("daemonsets", verbs=["create"]) & ITSELF,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    severity=Severity.MEDIUM,
    what="Someone other than EKS created a DaemonSet.",
    why="It runs on every node and on each new one: the widest reach a workload can have, useful for miners.",
    techniques=("T1610", "T1543.005"),
)
DEFAULT_NAMESPACE_POD_CREATED = _workload(
    "default-namespace-pod-created",
    "Someone started a pod in the namespace default",
    POD_CREATED & (field("objectRef.namespace") == "default"),
    *WORKLOAD_CONTROLLERS,
    what="A pod was made directly in the namespace default.",
    why="It is where a pod lands when nobody thought of a place; there are rarely limits or policies.",
    commands=_POD_LISTING,
    techniques=("T1610",),
    false_positives=("kubectl run and kubectl debug of a node, without a namespace.", _MAKES_PODS),
    blind_spots=("Pods that controllers make there.",),
)
DEPLOYMENT_CREATED = _workload(
    "deployment-created",
    "A Deployment was created",
    changed("deployments", verbs=["create"]) & ITSELF,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    what="Someone other than EKS created a Deployment.",
    why="It keeps its pods running whatever happens to them: useful for a service, and for a miner or a back door.",
    techniques=("T1610", "T1543.005", "T1496.001"),
)
DEPLOYMENT_DELETED = _workload(
    "deployment-deleted",
    "Someone deleted Deployments",
    changed("deployments", verbs=_DELETE) & ITSELF,
    EKS_ADDON_MANAGER,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    what="A Deployment, or all those of a namespace at once, was deleted.",
    why="What it served is down until somebody brings it back.",
    next_steps=_LOST,
    commands=listing(),
    techniques=("T1489", "T1485"),
    false_positives=_TIDY,
)
DEPLOYMENT_PATCHED = _workload(
    "deployment-patched",
    "A person changed a Deployment",
    changed("deployments", verbs=["update", "patch"]) & ITSELF & BY_IAM_PRINCIPAL,
    EKS_ADDON_MANAGER,
    what="Someone who logged in through IAM changed a Deployment: its image, command, environment, or anything else.",
    why="One more container in a Deployment that everybody knows is a quiet way to run code. Where a GitOps controller "
    "deploys, no person has to.",
    next_steps="Compare with what you deploy. Not planned: ask the principal, roll it back, and see what the pods did.",
    techniques=("T1610", "T1543.005"),
    false_positives=("Every deployment, where CI logs in through IAM: exclude its role.", "kubectl rollout restart."),
    blind_spots=("Service accounts, which operators and GitOps controllers use all day: see the query rollouts.",),
)
JOB_CREATED = _workload(
    "job-created",
    "A Job was created by hand",
    changed("jobs", verbs=["create"]) & ITSELF,
    CRON_JOB_CONTROLLER,
    what="Someone created a Job; those of CronJobs are left out.",
    why="It runs once, is soon gone, and leaves little behind.",
    techniques=("T1053.007", "T1610"),
    false_positives=("Hooks of Helm and GitOps, workflow engines: exclude that principal.",),
)
KUBE_SYSTEM_POD_CREATED = _workload(
    "kube-system-pod-created",
    "Someone started a pod in kube-system",
    POD_CREATED & (field("objectRef.namespace") == "kube-system"),
    *WORKLOAD_CONTROLLERS,
    severity=Severity.MEDIUM,
    what="A pod was made directly in kube-system.",
    why="Among the cluster's own pods nobody looks twice, policies are often off, and accounts with wide rights are "
    "at hand.",
    next_steps="See its image and service account, and ask the principal. Not planned: delete it, and see what that "
    "account did meanwhile.",
    commands=_POD_LISTING,
    techniques=("T1036.005", "T1610"),
    false_positives=("kubectl debug of a node by an administrator whose context is kube-system.",),
    blind_spots=("Pods that controllers make there: see daemon-set-created and deployment-created.",),
)
MANY_WORKLOADS_DELETED = Detection(
    id="many-workloads-deleted",
    title="Many workloads were deleted",
    severity=Severity.HIGH,
    condition=changed("cronjobs", "daemonsets", "deployments", "jobs", "services", "statefulsets", verbs=["delete"])
    & ITSELF,
    guards=(CRON_JOB_CONTROLLER, GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER, TTL_CONTROLLER),
    what="Many workloads or Services were deleted within minutes, one by one.",
    why="This is what destruction looks like: kubectl delete --all deletes one by one, too.",
    next_steps="See who it was and whether it goes on. Not planned: take the principal's rights at once, then restore "
    "from manifests and backups.",
    commands=ranking("objectRef.resource", "objectRef.namespace", count="deleted"),
    techniques=("T1485", "T1489"),
    threshold=20,
    grounds="Removing an application deletes a handful of objects; twenty in five minutes are several applications.",
    false_positives=("The removal of a large application or of preview environments.", "Schedulers that delete Jobs."),
    blind_spots=("Whole namespaces: namespace-deleted. All of a kind in one request: mass-deletion.",),
    tags=("workloads",),
)
MASS_DELETION = _workload(
    "mass-deletion",
    "All objects of a kind were deleted at once",
    ALLOWED & (field("verb") == "deletecollection") & NOT_A_TRIAL,
    NAMESPACE_CONTROLLER,
    severity=Severity.MEDIUM,
    what="One request deleted all objects of a kind in a namespace, or those with a label.",
    why="People hardly ever do this; destructive scripts do, as it takes one call per kind.",
    next_steps="See what kind and where, and ask the principal. Not planned: take its rights at once, then restore "
    "from manifests and backups.",
    commands=listing("objectRef.resource", "requestURI"),
    techniques=("T1485",),
    false_positives=("Operators that clear what they own by label: exclude their service accounts.",),
    blind_spots=("kubectl delete --all, which deletes one by one: many-workloads-deleted counts that.",),
)
STATEFUL_SET_DELETED = _workload(
    "stateful-set-deleted",
    "Someone deleted StatefulSets",
    changed("statefulsets", verbs=_DELETE) & ITSELF,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    severity=Severity.MEDIUM,
    what="A StatefulSet, or all those of a namespace at once, was deleted.",
    why="Databases and queues run in StatefulSets. Their volumes may go next, or went with it.",
    next_steps=_LOST + " See whether the volumes are still there.",
    commands=listing(),
    techniques=("T1489", "T1485"),
    false_positives=(*_TIDY, "Operators that recreate it to enlarge its volumes."),
)
STATIC_POD_CREATED = _workload(
    "static-pod-created",
    "A node runs a pod of its own",
    POD_CREATED & (field("user.username") == "system:node:*"),
    severity=Severity.HIGH,
    what="A kubelet reported a static pod: one from a file on its node that no one asked the API server for.",
    why="No node of EKS has static pods by itself. Whoever can write such a file is root on the node already, and the "
    "pod bypasses admission and cannot be deleted through the API.",
    next_steps="Take the node out of service and replace it; keep its disk. Find out how somebody could write there: "
    "pods with host paths, SSM sessions, its launch template.",
    commands=_POD_LISTING,
    techniques=("T1543.005", "T1610"),
    false_positives=("Your own machine images or user data with static pods. Exclude their names.",),
    blind_spots=("Static pods in a namespace that does not exist: the kubelet runs them and cannot report them.",),
)
