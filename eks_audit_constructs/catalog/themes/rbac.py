"""Who may do what: Roles, ClusterRoles and their bindings."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import BY_SERVICE_ACCOUNT, changed
from eks_audit_constructs.catalog.guards import (
    AGGREGATION_CONTROLLER,
    API_SERVER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    Guard,
    outside,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import all_of, field

RBAC_GROUP = "rbac.authorization.k8s.io"
ROLES = ("roles", "clusterroles")
BINDINGS = ("rolebindings", "clusterrolebindings")
_KUBERNETES_AND_EKS = (API_SERVER, EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP, GARBAGE_COLLECTOR)
# Charts and manifests that people install contain roles with these names, and change them with each release.
_OF_ADD_ONS = ("system:metrics-server*", "system:aggregated-metrics-reader", "system:vpa-*")

ROLE_CHANGES = SavedQuery(
    id="role-changes",
    title="RBAC - changes to Roles and ClusterRoles",
    answers="Who changed which Role or ClusterRole, from where, and what does it allow now?",
    condition=outside(
        changed("roles", "clusterroles", group=RBAC_GROUP),
        (*_KUBERNETES_AND_EKS, AGGREGATION_CONTROLLER, NAMESPACE_CONTROLLER),
    ),
    commands=listing("requestObject.rules.0.resources.0 as resource", "requestObject.rules.0.verbs.0 as allows"),
)
BINDING_CHANGES = SavedQuery(
    id="binding-changes",
    title="RBAC - changes to RoleBindings and ClusterRoleBindings",
    answers="Who granted which role to whom, or revoked it, and from where?",
    condition=outside(
        changed("rolebindings", "clusterrolebindings", group=RBAC_GROUP), (*_KUBERNETES_AND_EKS, NAMESPACE_CONTROLLER)
    ),
    commands=listing(
        "responseObject.roleRef.kind as kind",
        "responseObject.roleRef.name as role",
        "responseObject.subjects.0.kind as to",
        "responseObject.subjects.0.name as subject",
    ),
)


def _change(id: str, kind: str, *controllers: Guard, severity: Severity, why: str, query: SavedQuery) -> Detection:
    return Detection(
        id=id,
        title=f"A {kind} was changed",
        severity=severity,
        condition=changed(f"{kind.lower()}s", group=RBAC_GROUP),
        guards=(*_KUBERNETES_AND_EKS, *controllers),
        what=f"A {kind} was created, changed or deleted by someone other than Kubernetes and EKS themselves.",
        why=why,
        next_steps="Compare with the change you planned. If there is none, ask the principal, undo it, "
        "and look at what was done with it.",
        query=query,
        techniques=("T1098.006",),
        false_positives=("Deployments that carry their own roles: Helm, GitOps controllers, operators.",),
        tags=("rbac",),
    )


ROLE_CHANGED = _change(
    "role-changed",
    "Role",
    NAMESPACE_CONTROLLER,
    severity=Severity.LOW,
    why="It says what people and workloads may do within a namespace.",
    query=ROLE_CHANGES,
)
ROLE_BINDING_CHANGED = _change(
    "role-binding-changed",
    "RoleBinding",
    NAMESPACE_CONTROLLER,
    severity=Severity.LOW,
    why="It gives someone rights within a namespace, or takes them.",
    query=BINDING_CHANGES,
)
CLUSTER_ROLE_CHANGED = _change(
    "cluster-role-changed",
    "ClusterRole",
    AGGREGATION_CONTROLLER,
    severity=Severity.MEDIUM,
    why="It says what people and workloads may do in every namespace; one more verb can be the whole cluster.",
    query=ROLE_CHANGES,
)
CLUSTER_ROLE_BINDING_CHANGED = _change(
    "cluster-role-binding-changed",
    "ClusterRoleBinding",
    severity=Severity.MEDIUM,
    why="It gives someone rights in the whole cluster, or takes them.",
    query=BINDING_CHANGES,
)

CLUSTER_ADMIN_BINDING = Detection(
    id="cluster-admin-binding",
    title="Someone was made cluster-admin",
    severity=Severity.HIGH,
    # The response has the whole binding, even if only its subjects were patched.
    condition=changed("clusterrolebindings", "rolebindings", verbs=["create", "update", "patch"])
    & (field("responseObject.roleRef.name") == "cluster-admin"),
    guards=(API_SERVER,),
    what="A binding to cluster-admin was created, or its subjects were changed.",
    why="Its subjects can now do everything, in the cluster or in one namespace: the shortest way to stay.",
    next_steps="Look at who was bound and by whom. If it was not planned: delete the binding, revoke the sessions of "
    "both, and list what the new administrator has done since.",
    commands=listing(
        "responseObject.subjects.0.kind as to",
        "responseObject.subjects.0.name as subject",
        "responseObject.subjects.0.namespace as subject_namespace",
    ),
    techniques=("T1098.006", "T1078.004"),
    false_positives=("Installers that ask for everything (some operators and dashboards). Exclude their principal.",),
    tags=("rbac",),
)

SYSTEM_ROLE_CHANGED = Detection(
    id="system-role-changed",
    title="A role of Kubernetes or EKS itself was changed",
    severity=Severity.HIGH,
    # Any kind in the group: it has only roles and bindings.
    condition=changed("*", group=RBAC_GROUP, verbs=["update", "patch", "delete"])
    & (
        (field("objectRef.name") == "system:*")
        | (field("objectRef.name") == "eks:*")
        | (
            (field("objectRef.resource") == "clusterroles")
            & field("objectRef.name").is_in(["cluster-admin", "admin", "edit", "view"])
        )
    )
    & all_of(field("objectRef.name") != name for name in _OF_ADD_ONS),
    guards=(API_SERVER, AGGREGATION_CONTROLLER, EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP),
    what="A built-in role or binding (system:, eks:, cluster-admin, admin, edit, view) was changed or deleted.",
    why="One more rule there goes to all who are bound already, unnoticed; one less breaks the cluster or blinds "
    "its operators.",
    next_steps="Compare with the role of a fresh cluster. A restart of the API server restores what Kubernetes needs, "
    "but takes no added rule away: do that yourself, and ask the principal.",
    commands=listing("objectRef.resource", "responseObject.roleRef.name as role"),
    techniques=("T1098.006",),
    false_positives=(
        "Upgrades of add-ons whose own roles are called system:. Exclude them by name.",
        "eksctl or kubectl updating a self-managed CoreDNS or kube-proxy.",
    ),
    blind_spots=(
        "Roles of metrics-server and of the vertical pod autoscaler, which are called system: too.",
        "A deletecollection names no object; cluster-role-changed counts it.",
    ),
    tags=("rbac",),
)

RBAC_CHANGED_BY_SERVICE_ACCOUNT = Detection(
    id="rbac-changed-by-service-account",
    title="A workload changed who may do what",
    severity=Severity.MEDIUM,
    condition=changed("*", group=RBAC_GROUP) & BY_SERVICE_ACCOUNT,
    guards=(AGGREGATION_CONTROLLER, GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER),
    what="A service account created, changed or deleted a role or a binding.",
    why="Few workloads need to. With the token of one that may, an intruder gains more rights.",
    next_steps="See whether it is an installer you know, and exclude it by name. Otherwise undo the change, delete the "
    "workload's pods, and take the right from its account.",
    commands=listing("objectRef.resource", "responseObject.roleRef.name as role"),
    techniques=("T1098.006",),
    false_positives=("GitOps controllers, operators and installers: exclude them by name, they are few.",),
    blind_spots=("An excluded GitOps controller does what its repository says, whoever wrote it.",),
    tags=("rbac", "service-accounts"),
)

BINDINGS_BY_PRINCIPAL = SavedQuery(
    id="bindings-by-principal",
    title="RBAC - who grants what",
    answers="Who created or changed bindings, to which roles, and how many?",
    condition=outside(
        changed(*BINDINGS, group=RBAC_GROUP, verbs=["create", "update", "patch"]),
        (API_SERVER, EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP),
    ),
    commands=(
        "stats count(*) as bindings, count_distinct(objectRef.namespace) as namespaces, latest(@timestamp) as last, "
        "latest(responseObject.subjects.0.name) as example "
        "by user.username, responseObject.roleRef.kind, responseObject.roleRef.name",
        "sort bindings desc",
        "limit 100",
    ),
)

DEFAULT = (
    CLUSTER_ADMIN_BINDING,
    CLUSTER_ROLE_BINDING_CHANGED,
    CLUSTER_ROLE_CHANGED,
    ROLE_BINDING_CHANGED,
    ROLE_CHANGED,
    SYSTEM_ROLE_CHANGED,
)
EXTENDED = (RBAC_CHANGED_BY_SERVICE_ACCOUNT,)
QUERIED = ()
QUERIES = (BINDINGS_BY_PRINCIPAL,)
