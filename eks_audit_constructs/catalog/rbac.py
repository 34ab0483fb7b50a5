"""Who may do what: Roles, ClusterRoles and their bindings, and the aws-auth ConfigMap."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import COMPLETE, EVENT, NOT_A_TRIAL, SUCCEEDED, WRITE_VERBS, changed
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.conditions.expression import Expression, field

_GROUP = "rbac.authorization.k8s.io"

# Controllers of Kubernetes itself, each for what it does of its own accord.
_BOOTSTRAP = "system:apiserver"  # loads the built-in roles when it starts
_NAMESPACES = "system:serviceaccount:kube-system:namespace-controller"  # empties a namespace being deleted
_AGGREGATION = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"

_COLUMNS = (
    "fields @timestamp, user.username, user.extra.sessionName.0, sourceIPs.0, userAgent, verb, "
    "objectRef.namespace, objectRef.name"
)


def _changed_by_people(resources: list[str], *controllers: str) -> Expression:
    condition = changed(*resources, group=_GROUP)
    for controller in controllers:
        condition &= field("user.username") != controller
    return condition


def _change(id: str, kind: str, condition: Expression, *, severity: Severity, why: str, query: SavedQuery) -> Detection:
    return Detection(
        id=id,
        title=f"A {kind} was changed",
        severity=severity,
        condition=condition,
        what=f"A {kind} was created, changed or deleted by someone other than Kubernetes itself.",
        why=why,
        next_steps="Compare with the change you planned. If there is none, ask the principal, undo it, "
        "and look at what was done with it.",
        query=query,
        techniques=("T1098.006",),
        false_positives=(
            "Deployments that carry their own roles: Helm, GitOps controllers, operators.",
            "EKS updating an add-on or the cluster's version, as eks:addon-manager or eks:cluster-bootstrap.",
        ),
        tags=("rbac",),
    )


_ROLE = _changed_by_people(["roles"], _BOOTSTRAP, _NAMESPACES)
_ROLE_BINDING = _changed_by_people(["rolebindings"], _BOOTSTRAP, _NAMESPACES)
_CLUSTER_ROLE = _changed_by_people(["clusterroles"], _BOOTSTRAP, _AGGREGATION)
_CLUSTER_ROLE_BINDING = _changed_by_people(["clusterrolebindings"], _BOOTSTRAP)

ROLE_CHANGES = SavedQuery(
    id="role-changes",
    title="RBAC - changes to Roles and ClusterRoles",
    answers="Who changed which Role or ClusterRole, from where, and what does it allow now?",
    condition=_changed_by_people(["roles", "clusterroles"], _BOOTSTRAP, _NAMESPACES, _AGGREGATION),
    commands=(
        f"{_COLUMNS}, requestObject.rules.0.resources.0 as resource, requestObject.rules.0.verbs.0 as allows",
        "sort @timestamp desc",
        "limit 1000",
    ),
)
BINDING_CHANGES = SavedQuery(
    id="binding-changes",
    title="RBAC - changes to RoleBindings and ClusterRoleBindings",
    answers="Who gave whom which role, or took it, and from where?",
    condition=_changed_by_people(["rolebindings", "clusterrolebindings"], _BOOTSTRAP, _NAMESPACES),
    commands=(
        f"{_COLUMNS}, responseObject.roleRef.kind as kind, responseObject.roleRef.name as role, "
        "responseObject.subjects.0.kind as to, responseObject.subjects.0.name as subject",
        "sort @timestamp desc",
        "limit 1000",
    ),
)

ROLE_CHANGED = _change(
    "role-changed",
    "Role",
    _ROLE,
    severity=Severity.LOW,
    why="It says what people and workloads may do within a namespace.",
    query=ROLE_CHANGES,
)
ROLE_BINDING_CHANGED = _change(
    "role-binding-changed",
    "RoleBinding",
    _ROLE_BINDING,
    severity=Severity.LOW,
    why="It gives someone rights within a namespace, or takes them.",
    query=BINDING_CHANGES,
)
CLUSTER_ROLE_CHANGED = _change(
    "cluster-role-changed",
    "ClusterRole",
    _CLUSTER_ROLE,
    severity=Severity.MEDIUM,
    why="It says what people and workloads may do in every namespace; one more verb can be the whole cluster.",
    query=ROLE_CHANGES,
)
CLUSTER_ROLE_BINDING_CHANGED = _change(
    "cluster-role-binding-changed",
    "ClusterRoleBinding",
    _CLUSTER_ROLE_BINDING,
    severity=Severity.MEDIUM,
    why="It gives someone rights in the whole cluster, or takes them.",
    query=BINDING_CHANGES,
)

# The response has the whole binding, also where only its subjects were patched.
_CLUSTER_ADMIN = (
    EVENT
    & COMPLETE
    & field("objectRef.resource").is_in(["clusterrolebindings", "rolebindings"])
    & field("verb").is_in(["create", "update", "patch"])
    & (field("responseObject.roleRef.name") == "cluster-admin")
    & SUCCEEDED
    & NOT_A_TRIAL
    & (field("user.username") != _BOOTSTRAP)
)

CLUSTER_ADMIN_BINDING = Detection(
    id="cluster-admin-binding",
    title="Someone was made cluster-admin",
    severity=Severity.HIGH,
    condition=_CLUSTER_ADMIN,
    what="A binding to cluster-admin was created, or its subjects were changed.",
    why="Its subjects can now do everything, in the cluster or in one namespace: the shortest way to stay.",
    next_steps="Look at who was bound and by whom. If it was not planned: delete the binding, revoke the sessions of "
    "both, and list what the new administrator has done since.",
    query=SavedQuery(
        id="cluster-admin-bindings",
        title="RBAC - bindings to cluster-admin",
        answers="Who made whom cluster-admin, when and from where?",
        condition=_CLUSTER_ADMIN,
        commands=(
            f"{_COLUMNS}, responseObject.subjects.0.kind as to, responseObject.subjects.0.name as subject, "
            "responseObject.subjects.0.namespace as subject_namespace",
            "sort @timestamp desc",
            "limit 1000",
        ),
    ),
    techniques=("T1098.006", "T1078.004"),
    false_positives=("Installers that ask for everything (some operators and dashboards). Exclude their principal.",),
    tags=("rbac",),
)

# deletecollection names no object: it takes aws-auth with the rest.
_AWS_AUTH = (
    changed("configmaps")
    & (field("objectRef.namespace") == "kube-system")
    & ((field("objectRef.name") == "aws-auth") | (field("verb") == "deletecollection"))
)

AWS_AUTH_CHANGED = Detection(
    id="aws-auth-changed",
    title="The aws-auth ConfigMap was changed",
    severity=Severity.HIGH,
    condition=_AWS_AUTH,
    what="kube-system/aws-auth was created, changed or deleted.",
    why="It maps IAM roles and users to Kubernetes groups: one line makes any IAM principal an administrator, "
    "and a missing one locks out people and nodes.",
    next_steps="Compare the map with the one you deploy (the query shows the body, except of a create). "
    "Not planned: restore it, then look at the principal's CloudTrail. Better: move to EKS access entries.",
    query=SavedQuery(
        id="aws-auth-changes",
        title="aws-auth - changes",
        answers="Who changed the map from IAM to Kubernetes, and what does it say now?",
        condition=_AWS_AUTH,
        commands=(
            f"{_COLUMNS}, responseObject.data.mapRoles as roles, responseObject.data.mapUsers as users",
            "sort @timestamp desc",
            "limit 1000",
        ),
    ),
    techniques=("T1098.006", "T1098.001"),
    false_positives=("EKS adds the node role when a managed node group or Fargate profile is created.",),
    tags=("rbac", "aws"),
)

WEBHOOK_CHANGES = SavedQuery(
    id="admission-webhook-changes",
    title="Admission - changes to webhooks",
    answers="Who changed a validating or mutating webhook? It sees, and may alter, all that is written.",
    condition=EVENT
    & COMPLETE
    & field("objectRef.resource").is_in(["mutatingwebhookconfigurations", "validatingwebhookconfigurations"])
    & field("verb").is_in(WRITE_VERBS)
    & SUCCEEDED,
    commands=(
        f"{_COLUMNS}, objectRef.resource, requestObject.webhooks.0.clientConfig.url as url, "
        "requestObject.webhooks.0.clientConfig.service.namespace as service_namespace, "
        "requestObject.webhooks.0.clientConfig.service.name as service",
        "sort @timestamp desc",
        "limit 1000",
    ),
)

DETECTIONS = (
    AWS_AUTH_CHANGED,
    CLUSTER_ADMIN_BINDING,
    CLUSTER_ROLE_BINDING_CHANGED,
    CLUSTER_ROLE_CHANGED,
    ROLE_BINDING_CHANGED,
    ROLE_CHANGED,
)
QUERIES = (WEBHOOK_CHANGES,)
