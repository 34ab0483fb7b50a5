"""Who is not counted, and why: the ordinary work of Kubernetes and EKS, one actor at a time.

A guard names one identity. None covers all of `system:*` or all service accounts of a namespace: a stolen token would
hide behind it. Kubernetes' controllers run in the control plane, where their tokens cannot be taken from a node;
`kube-system-token-minted` sees whoever mints one for them. A kubelet's certificate can be taken from its node, so
kubelets are recognised by their client as well.

Sources: Kubernetes, plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go (a service account for each
controller); https://docs.aws.amazon.com/eks/latest/userguide/default-roles-users.html (the identities of EKS). An EKS
access entry cannot use their names: https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eks_audit_constructs.arguments import check_fields
from eks_audit_constructs.audit_events import never
from eks_audit_constructs.conditions.expression import Expression, all_of, any_of, field

__all__ = ["Guard", "outside"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """An identity whose events a detection does not count.

    Args:
        user: The user name; `*` matches any text.
        why: What it ordinarily does.
        agent: The beginning of its user agent, where the name alone would hide too much. Clients choose their user
            agent, so this may only narrow a guard.
        only: The events it covers. Default: all of the user's.

    Raises:
        AuditConfigurationError: A value has the wrong type, or no audit event can be one of those that it covers.
    """

    user: str
    why: str
    agent: str | None = None
    only: Expression | None = None

    def __post_init__(self) -> None:
        check_fields(self, f"guard {self.user!r}")
        never.refuse(self.covered, f"guard {self.user!r}")

    @property
    def covered(self) -> Expression:
        """The events that are not counted."""
        covered = field("user.username") == self.user
        if self.agent is not None:
            covered &= field("userAgent") == f"{self.agent}*"
        return covered if self.only is None else covered & self.only

    @property
    def keeps(self) -> Expression:
        """The events that still count, including those without a user agent or without the fields of `only`."""
        kept = [field("user.username") != self.user]  # every authenticated request has a user name
        if self.agent is not None:
            kept.append(~(field("userAgent") == f"{self.agent}*"))
        if self.only is not None:
            kept.append(~self.only)
        return any_of(kept)


def outside(condition: Expression, guards: Iterable[Guard]) -> Expression:
    """Return the events of a condition that no guard leaves out."""
    return all_of([condition, *(guard.keeps for guard in guards)])


def _controller(name: str, why: str) -> Guard:
    return Guard(user=f"system:serviceaccount:kube-system:{name}", why=why)


# The control plane itself.
API_SERVER = Guard(
    user="system:apiserver",
    why="Loads the built-in roles, priorities and services when it starts; watches Secrets, marks used token Secrets.",
)
CONTROLLER_MANAGER = Guard(
    user="system:kube-controller-manager",
    why="Mints its controllers' tokens, watches every kind of object for them, fills token Secrets.",
)
SCHEDULER = Guard(
    user="system:kube-scheduler", why="Asks for everything it schedules, at start-up before its rights are loaded."
)
KUBELETS = Guard(
    user="system:node:*", agent="kubelet/", why="Read the Secrets and mint the tokens of the pods on their node."
)

# The controllers.
AGGREGATION_CONTROLLER = _controller(
    "clusterrole-aggregation-controller", "Copies the rules of labelled ClusterRoles into admin, edit and view."
)
CRON_JOB_CONTROLLER = _controller("cronjob-controller", "Makes the Jobs of CronJobs, and removes old ones.")
DAEMON_SET_CONTROLLER = _controller("daemon-set-controller", "Makes the pods of DaemonSets, one on each node.")
DEPLOYMENT_CONTROLLER = _controller("deployment-controller", "Makes and scales the ReplicaSets of Deployments.")
GARBAGE_COLLECTOR = _controller("generic-garbage-collector", "Deletes objects whose owner is gone.")
JOB_CONTROLLER = _controller("job-controller", "Makes the pods of Jobs.")
LEGACY_TOKEN_CLEANER = _controller(
    "legacy-service-account-token-cleaner", "Marks, and later deletes, token Secrets not used for a year."
)
NAMESPACE_CONTROLLER = _controller("namespace-controller", "Empties a namespace that is being deleted.")
REPLICA_SET_CONTROLLER = _controller("replicaset-controller", "Makes the pods of ReplicaSets.")
SERVICE_ACCOUNT_CONTROLLER = _controller("service-account-controller", "Makes the default account of a namespace.")
STATEFUL_SET_CONTROLLER = _controller("statefulset-controller", "Makes the pods of StatefulSets.")
TTL_CONTROLLER = _controller("ttl-after-finished-controller", "Deletes Jobs some time after they are done.")

WORKLOAD_CONTROLLERS = (
    DAEMON_SET_CONTROLLER,
    JOB_CONTROLLER,
    REPLICA_SET_CONTROLLER,
    STATEFUL_SET_CONTROLLER,
)
"""They make pods from the templates of others. What matters is who wrote the template, which is counted there."""

STARTING = (CONTROLLER_MANAGER, KUBELETS, SCHEDULER)
"""When it starts, the API server refuses its own components until its roles are loaded: some 20 times in 2 seconds."""

# EKS.
EKS_ADDON_MANAGER = Guard(user="eks:addon-manager", why="Applies the add-ons, their roles included, and repairs them.")
EKS_CERTIFICATE_CONTROLLER = Guard(
    user="eks:certificate-controller", why="Approves and signs the serving certificates of kubelets."
)
EKS_CLOUD_CONTROLLER_MANAGER = Guard(
    user="eks:cloud-controller-manager",
    why="Keeps nodes and load balancers in line with AWS; lists Secrets; mints tokens.",
)
EKS_CLUSTER_BOOTSTRAP = Guard(
    user="eks:cluster-bootstrap", why="Applies what EKS gives every cluster when it is created or upgraded."
)
EKS_FARGATE_MANAGER = Guard(user="eks:fargate-manager", why="Maps the role of Fargate pods; deletes their nodes.")
EKS_KMS_STORAGE_MIGRATOR = Guard(
    user="eks:kms-storage-migrator", why="Rewrites every stored object, once, when their encryption changes."
)
EKS_NODE_MANAGER = Guard(
    user="eks:node-manager", why="Cordons, drains and removes the nodes of managed node groups; maps their role."
)
EKS_SERVICE_ROLE = Guard(
    user="arn:*:assumed-role/AWSServiceRoleForAmazonEKS/*",
    why="EKS Auto Mode: makes nodes, load balancers, volumes, and the webhooks for them.",
    # Any access entry may use this name; the ARN comes from the authenticator.
    only=field("user.extra.arn[0]") == "arn:*:assumed-role/AWSServiceRoleForAmazonEKS/*",
)
