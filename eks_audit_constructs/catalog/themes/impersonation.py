"""Acting as someone else: requests with the headers that kubectl's --as and --as-group send.

An event names who asked (`user`) and as whom (`impersonatedUser`), the latter only if the impersonation was allowed.
Kubernetes, staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import COMPLETE, EVENT, NOT_A_TRIAL, SUCCEEDED, WRITE_VERBS
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import field

_AS = field("impersonatedUser.username")
_AS_WHOM = (
    "objectRef.resource",
    "impersonatedUser.username as as_user",
    "impersonatedUser.groups.0 as as_group",
    "responseStatus.code as code",
)

MASTERS_IMPERSONATED = Detection(
    id="masters-impersonated",
    title="Someone acted as a member of system:masters",
    severity=Severity.HIGH,
    condition=EVENT & COMPLETE & (field("impersonatedUser.groups[*]") == "system:masters"),
    what="A request was made in the name of the group system:masters, by impersonation.",
    why="The group may do everything, and no role or binding can take that away. Whoever may impersonate it is an "
    "administrator, whatever their own roles say.",
    next_steps="Ask the principal why. Not planned: revoke its sessions, find the role that lets it impersonate groups "
    "(query roles-that-escalate), and list what it did in that name.",
    commands=listing(*_AS_WHOM),
    techniques=("T1548", "T1078"),
    false_positives=("Access proxies that map their users to this group. Let them impersonate a lesser group.",),
    blind_spots=("An exec or a watch counts only when it ends. Other groups that you made as powerful do not count.",),
    tags=("impersonation",),
)

SYSTEM_IMPERSONATED = Detection(
    id="system-impersonated",
    title="Someone acted as a part of the system",
    severity=Severity.MEDIUM,
    condition=EVENT
    & COMPLETE
    & (
        ((_AS == "system:*") & (_AS != "system:serviceaccount:*") & (_AS != "system:anonymous"))
        | _AS.is_in(["system:serviceaccount:kube-system:*", "eks:*", "kubernetes-admin", "cluster-admin", "admin"])
    ),
    what="A request was made in the name of a node, a controller, an account in kube-system, EKS or an administrator.",
    why="Their rights are wide, and what is done in their name looks like the cluster's own work.",
    next_steps="Ask the principal why. Not planned: revoke its sessions, find the role that lets it impersonate "
    "(query roles-that-escalate), and list what it did in that name.",
    commands=listing(*_AS_WHOM),
    techniques=("T1548", "T1036"),
    false_positives=(
        "Administrators who check what a controller may do (kubectl auth can-i --as).",
        "GitOps controllers configured to act as an account in kube-system.",
    ),
    blind_spots=("Administrators under other names of your own.",),
    tags=("impersonation",),
)

SERVICE_ACCOUNT_IMPERSONATED = Detection(
    id="service-account-impersonated",
    title="Someone acted as a service account",
    severity=Severity.LOW,
    condition=EVENT & COMPLETE & (_AS == "system:serviceaccount:*"),
    what="A request was made in the name of a service account, by impersonation and without its token.",
    why="It borrows the account's rights, and does not show among the account's own requests.",
    next_steps="See who did what in whose name. If nobody planned it, take the verb impersonate from the principal.",
    commands=listing(*_AS_WHOM),
    techniques=("T1548", "T1078"),
    false_positives=("GitOps controllers that act as an account for each tenant. Exclude them by name.",),
    tags=("impersonation", "service-accounts"),
)

IMPERSONATION_REFUSED = Detection(
    id="impersonation-refused",
    title="Acting as someone else was refused",
    severity=Severity.MEDIUM,
    # Logged before the authorizer decides about the request itself: only the message shows it.
    condition=EVENT
    & COMPLETE
    & (field("responseStatus.code") == 403)
    & (field("responseStatus.message") == "*cannot impersonate*"),
    what="Someone who is logged in tried to act as another user, group or service account and was refused.",
    why="Nobody does that by accident: it takes extra headers, as kubectl's --as and --as-group send.",
    next_steps="Ask the principal. If it was not them, revoke the session and look at what else it tried.",
    commands=listing("objectRef.resource", "responseStatus.message as message"),
    techniques=("T1548",),
    false_positives=("An access proxy or a GitOps controller whose role lacks a group or an account.",),
    blind_spots=("Whom they tried to act as: the event names only the kind, in the message.",),
    tags=("impersonation",),
)

IMPERSONATIONS_BY_PRINCIPAL = SavedQuery(
    id="impersonations-by-principal",
    title="Impersonation - who acts as whom",
    answers="Who acts as whom, how often, for what, and how much of it is refused?",
    condition=EVENT & COMPLETE & _AS.exists(),
    commands=(
        'fields strcontains(responseStatus.message, "forbidden: User ") as refusal',
        "stats count(*) as requests, sum(refusal) as refused, count_distinct(requestURI) as uris, "
        "latest(requestURI) as example "
        "by user.username, impersonatedUser.username, impersonatedUser.groups.0, userAgent",
        "sort requests desc",
        "limit 100",
    ),
)

IMPERSONATED_CHANGES = SavedQuery(
    id="impersonated-changes",
    title="Impersonation - changes made as someone else",
    answers="What was changed in the name of someone else, and by whom really?",
    condition=EVENT & COMPLETE & _AS.exists() & field("verb").is_in(WRITE_VERBS) & SUCCEEDED & NOT_A_TRIAL,
    commands=listing(*_AS_WHOM),
)

DEFAULT = (MASTERS_IMPERSONATED,)
EXTENDED = (IMPERSONATION_REFUSED, SYSTEM_IMPERSONATED)
QUERIED = (SERVICE_ACCOUNT_IMPERSONATED,)
QUERIES = (IMPERSONATED_CHANGES, IMPERSONATIONS_BY_PRINCIPAL)
