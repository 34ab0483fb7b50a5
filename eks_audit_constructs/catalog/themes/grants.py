"""Dangerous grants: roles and bindings that give away more than they seem to.

The detections test the object after the change (`responseObject`), so that a patch counts by its result. A filter
pattern looks at the first verb and the first resource of each rule; the saved queries read the whole text of the event.
https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import COMPLETE, EVENT, NOT_A_TRIAL, changed
from eks_audit_constructs.catalog.guards import (
    AGGREGATION_CONTROLLER,
    API_SERVER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    outside,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.catalog.themes.rbac import BINDINGS, RBAC_GROUP, ROLES
from eks_audit_constructs.conditions.expression import field

_WRITES = ("create", "update", "patch")
_BOUND = changed(*BINDINGS, group=RBAC_GROUP, verbs=_WRITES)
_WRITTEN = changed(*ROLES, group=RBAC_GROUP, verbs=_WRITES)
_KUBERNETES_AND_EKS = (API_SERVER, EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP)
_WRITERS_OF_ROLES = (*_KUBERNETES_AND_EKS, AGGREGATION_CONTROLLER)

_ROLE = field("responseObject.roleRef.name")
_SUBJECT = field("responseObject.subjects[*].name")
_FIRST_VERB = field("responseObject.rules[*].verbs[0]")
_FIRST_RESOURCE = field("responseObject.rules[*].resources[0]")

_TO_WHOM = listing(
    "responseObject.roleRef.name as role",
    "responseObject.subjects.0.kind as to",
    "responseObject.subjects.0.name as subject",
    "responseObject.subjects.0.namespace as subject_namespace",
)
_WHAT = listing(
    "objectRef.resource", "responseObject.rules.0.resources.0 as resource_1", "responseObject.rules.0.verbs.0 as verb_1"
)

ANONYMOUS_ACCESS_GRANTED = Detection(
    id="anonymous-access-granted",
    title="Rights were given to everybody without login",
    severity=Severity.HIGH,
    condition=_BOUND & _SUBJECT.is_in(["system:anonymous", "system:unauthenticated"]),
    guards=(API_SERVER,),
    what="A binding to system:anonymous or system:unauthenticated was created or changed.",
    why="Whoever reaches the endpoint has the role, without credentials. On a public endpoint that is the internet.",
    next_steps="Delete the binding, then see what was done with it (anonymous-request-allowed) and ask its maker.",
    commands=_TO_WHOM,
    techniques=("T1098.006", "T1078.001"),
    false_positives=("Discovery of the service account issuer, opened to everybody on purpose.",),
    blind_spots=(
        "From Kubernetes 1.32 on, EKS serves only health checks without login: the binding has no effect yet.",
    ),
    tags=("rbac", "anonymous"),
)

EVERYBODY_BOUND = Detection(
    id="everybody-bound",
    title="Rights were given to all users or all workloads",
    severity=Severity.MEDIUM,
    condition=_BOUND & _SUBJECT.is_in(["system:authenticated", "system:serviceaccounts"]),
    guards=_KUBERNETES_AND_EKS,
    what="A binding to system:authenticated or system:serviceaccounts was created or changed.",
    why="Every pod of the cluster has the role from now on, and so has whoever gets into one.",
    next_steps="See which role it is. Unless it is meant for all, bind the accounts that need it by name.",
    commands=_TO_WHOM,
    techniques=("T1098.006",),
    false_positives=("Policy engines and multi-tenancy tools that let everybody list one of their kinds.",),
    tags=("rbac",),
)

PRIVILEGED_ROLE_BOUND = Detection(
    id="privileged-role-bound",
    title="A powerful built-in role was bound",
    severity=Severity.MEDIUM,
    condition=_BOUND
    & (
        ((field("objectRef.resource") == "clusterrolebindings") & _ROLE.is_in(["admin", "edit"]))
        | _ROLE.is_in(
            ["system:controller:*", "system:kube-controller-manager", "system:kube-scheduler", "system:node", "eks:*"]
        )
    ),
    guards=_KUBERNETES_AND_EKS,
    what="admin or edit was bound for the whole cluster, or a role of a controller, of nodes or of EKS was bound.",
    why="Each comes close to cluster-admin: they read all Secrets, or run pods as any account, and few people notice.",
    next_steps="Look at who was bound and by whom. Not planned: delete the binding, revoke the sessions of both, and "
    "list what the subject did since.",
    commands=_TO_WHOM,
    techniques=("T1098.006",),
    false_positives=("Deployment pipelines that were given admin or edit everywhere. Bind them in their namespaces.",),
    blind_spots=("cluster-admin has a detection of its own. Powerful roles of your own are not known by name.",),
    tags=("rbac",),
)

DEFAULT_SERVICE_ACCOUNT_BOUND = Detection(
    id="default-service-account-bound",
    title="A default service account was made powerful",
    severity=Severity.HIGH,
    condition=_BOUND & _ROLE.is_in(["cluster-admin", "admin", "edit"]) & (_SUBJECT == "default"),
    what="cluster-admin, admin or edit was bound to a service account called default.",
    why="Every pod that names no account of its own runs as default: all of them have these rights now.",
    next_steps="Delete the binding, and give the workload that needs it an account of its own with a lesser role.",
    commands=_TO_WHOM,
    techniques=("T1098.006", "T1078.001"),
    false_positives=("Quick fixes out of a tutorial. They are no less dangerous.",),
    tags=("rbac", "service-accounts"),
)

SERVICE_ACCOUNT_BOUND = Detection(
    id="service-account-bound",
    title="A workload was given rights in the whole cluster",
    severity=Severity.LOW,
    condition=changed("clusterrolebindings", group=RBAC_GROUP, verbs=_WRITES)
    & (field("responseObject.subjects[*].kind") == "ServiceAccount"),
    guards=_KUBERNETES_AND_EKS,
    what="A ClusterRoleBinding to a service account was created or changed.",
    why="Its pods, and whoever gets into one, have the role in every namespace.",
    next_steps="See which role and which account. Not planned: delete the binding and ask its maker.",
    commands=_TO_WHOM,
    techniques=("T1098.006",),
    false_positives=("Nearly every operator's installation and upgrade.",),
    tags=("rbac", "service-accounts"),
)

WILDCARD_ROLE = Detection(
    id="wildcard-role",
    title="A role that allows everything was written",
    severity=Severity.MEDIUM,
    # A quoted star would match any text.
    condition=_WRITTEN & (_FIRST_VERB.matches(r"^\*$") | _FIRST_RESOURCE.matches(r"^\*$")),
    guards=_WRITERS_OF_ROLES,
    what="A Role or ClusterRole with * for its verbs or resources was created or changed.",
    why="It allows what nobody had in mind, including escalate and impersonate, and kinds that do not exist yet.",
    next_steps="See who wrote it and to whom it is bound. Not planned: delete it. Planned: name verbs and resources.",
    commands=_WHAT,
    techniques=("T1098.006",),
    false_positives=("Operators and installers that ask for everything, with each upgrade.",),
    blind_spots=("A star that is not the first of its list. The query roles-with-wildcards sees those too.",),
    tags=("rbac",),
)

ROLE_GRANTS_ESCALATION = Detection(
    id="role-grants-escalation",
    title="A role that lets its holder gain more was written",
    severity=Severity.MEDIUM,
    condition=_WRITTEN & _FIRST_VERB.is_in(["bind", "escalate", "impersonate"]),
    guards=_WRITERS_OF_ROLES,
    what="A Role or ClusterRole with the verb bind, escalate or impersonate was created or changed.",
    why="These verbs lift the rule that nobody grants more than they have: one of them is enough to become anything.",
    next_steps="See who wrote it and to whom it is bound. Not planned: delete it, and look at what was bound since.",
    commands=_WHAT,
    techniques=("T1098.006", "T1548"),
    false_positives=("Access proxies, GitOps controllers and operators that manage roles.",),
    blind_spots=(
        "The verb after another one in its rule. The query roles-that-escalate sees those too.",
        "A rule with *, which holds these verbs: wildcard-role.",
    ),
    tags=("rbac",),
)

ESCALATION_REFUSED = Detection(
    id="escalation-refused",
    title="Someone tried to grant more than they have",
    severity=Severity.MEDIUM,
    # Refused by the storage of roles, after the authorizer allowed the write: only the message shows it.
    condition=EVENT
    & COMPLETE
    & NOT_A_TRIAL
    & (field("objectRef.apiGroup") == RBAC_GROUP)
    & (field("responseStatus.code") == 403)
    & (field("responseStatus.message") == "*attempting to grant RBAC permissions not currently held*"),
    what="Someone who may write roles or bindings tried to put rights into one that they do not have, and was refused.",
    why="This is an attempt to gain more rights. Only Kubernetes' own check stood in the way.",
    next_steps="The message shows which rights it was about. An installer: give it the rights it hands on. Anyone "
    "else: ask, and look at what else the principal tried.",
    commands=listing("objectRef.resource", "responseStatus.message as message"),
    techniques=("T1098.006", "T1548"),
    false_positives=("Operators and pipelines with a role too small for what they install: they retry for ever.",),
    tags=("rbac", "access"),
)


def _rules(id: str, title: str, answers: str, *, verbs: str, resources: str = "") -> SavedQuery:
    """Find roles in which a rule has one of these verbs and resources, in the order in which the API writes them."""
    of = rf'[^\]]*\],"apiGroups":\[[^\]]*\],"resources":\[[^\]]*"({resources})"' if resources else ""
    return SavedQuery(
        id=id,
        title=f"RBAC - {title}",
        answers=answers,
        condition=outside(_WRITTEN, _WRITERS_OF_ROLES),
        commands=(rf'filter @message like /"verbs":\[[^\]]*"({verbs})"{of}/', *_WHAT),
    )


ROLES_THAT_ESCALATE = _rules(
    "roles-that-escalate",
    "roles that let their holder gain more",
    "Who wrote roles with the verbs bind, escalate or impersonate?",
    verbs="bind|escalate|impersonate",
)
ROLES_THAT_EXEC = _rules(
    "roles-that-exec",
    "roles that run commands in pods",
    "Who wrote roles that may exec into pods, attach to them or forward their ports?",
    verbs=r"get|create|\*",
    resources=r"(pods|\*)\/(exec|attach|portforward)|\*",
)
ROLES_THAT_MINT_TOKENS = _rules(
    "roles-that-mint-tokens",
    "roles that mint tokens",
    "Who wrote roles that may mint tokens of service accounts?",
    verbs=r"create|\*",
    resources=r"(serviceaccounts|\*)\/token|\*",
)
ROLES_THAT_PROXY_NODES = _rules(
    "roles-that-proxy-nodes",
    "roles that reach kubelets",
    "Who wrote roles that may call kubelets through the API server, and so run commands in any pod of a node?",
    verbs=r"get|create|\*",
    resources=r"(nodes|\*)\/proxy|\*",
)
ROLES_THAT_READ_SECRETS = _rules(
    "roles-that-read-secrets",
    "roles that read Secrets",
    "Who wrote roles that may get, list or watch Secrets?",
    verbs=r"get|list|watch|\*",
    resources=r"secrets|\*",
)
ROLES_WITH_WILDCARDS = SavedQuery(
    id="roles-with-wildcards",
    title="RBAC - roles with wildcards",
    answers="Who wrote roles with * among their verbs, resources, groups or URLs?",
    condition=outside(_WRITTEN, _WRITERS_OF_ROLES),
    commands=(r'filter @message like /"(verbs|apiGroups|resources|nonResourceURLs)":\[[^\]]*"\*"/', *_WHAT),
)
ROLES_WITH_WRITE_VERBS = _rules(
    "roles-with-write-verbs",
    "roles that write",
    "Who wrote roles that may create, change or delete something?",
    verbs=r"create|update|patch|delete|deletecollection|\*",
)

DEFAULT = (ANONYMOUS_ACCESS_GRANTED,)
EXTENDED = (
    DEFAULT_SERVICE_ACCOUNT_BOUND,
    ESCALATION_REFUSED,
    EVERYBODY_BOUND,
    PRIVILEGED_ROLE_BOUND,
    ROLE_GRANTS_ESCALATION,
    WILDCARD_ROLE,
)
QUERIED = (SERVICE_ACCOUNT_BOUND,)
QUERIES = (
    ROLES_THAT_ESCALATE,
    ROLES_THAT_EXEC,
    ROLES_THAT_MINT_TOKENS,
    ROLES_THAT_PROXY_NODES,
    ROLES_THAT_READ_SECRETS,
    ROLES_WITH_WILDCARDS,
    ROLES_WITH_WRITE_VERBS,
)
