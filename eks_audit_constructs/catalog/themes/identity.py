"""Who is who: the mapping from IAM to Kubernetes, service accounts and their tokens, certificates, administrators."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import BY_IAM_PRINCIPAL, COMPLETE, EVENT, ITSELF, changed
from eks_audit_constructs.catalog.guards import (
    API_SERVER,
    CONTROLLER_MANAGER,
    EKS_ADDON_MANAGER,
    EKS_CERTIFICATE_CONTROLLER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_FARGATE_MANAGER,
    EKS_KMS_STORAGE_MIGRATOR,
    EKS_NODE_MANAGER,
    KUBELETS,
    SERVICE_ACCOUNT_CONTROLLER,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.catalog.themes.tokens import FROM_OUTSIDE
from eks_audit_constructs.conditions.expression import field

_IN_KUBE_SYSTEM = field("objectRef.namespace") == "kube-system"
# deletecollection names no object: it deletes aws-auth with the rest.
_AWS_AUTH = _IN_KUBE_SYSTEM & ((field("objectRef.name") == "aws-auth") | (field("verb") == "deletecollection"))

_ACCOUNT_CREATED = changed("serviceaccounts", verbs=["create"]) & ITSELF
_AS_MASTERS = EVENT & COMPLETE & BY_IAM_PRINCIPAL & (field("user.groups[*]") == "system:masters")

AWS_AUTH_CHANGED = Detection(
    id="aws-auth-changed",
    title="The aws-auth ConfigMap was changed",
    severity=Severity.HIGH,
    condition=changed("configmaps") & _AWS_AUTH,
    guards=(EKS_FARGATE_MANAGER, EKS_KMS_STORAGE_MIGRATOR, EKS_NODE_MANAGER),
    what="kube-system/aws-auth was created, changed or deleted.",
    why="It maps IAM roles and users to Kubernetes groups: one line makes any IAM principal an administrator, "
    "and a missing one locks out people and nodes.",
    next_steps="Compare the map with the one you deploy (the query shows the body, except of a create). "
    "Not planned: restore it, then look at the principal's CloudTrail. Better: move to EKS access entries.",
    commands=listing("responseObject.data.mapRoles as roles", "responseObject.data.mapUsers as users"),
    techniques=("T1098.006", "T1098.001"),
    tags=("identity", "aws"),
)

AWS_AUTH_DELETED = Detection(
    id="aws-auth-deleted",
    title="The aws-auth ConfigMap was deleted",
    severity=Severity.HIGH,
    condition=changed("configmaps", verbs=["delete", "deletecollection"]) & _AWS_AUTH,
    what="kube-system/aws-auth, or every ConfigMap of kube-system, was deleted.",
    why="Everyone and everything mapped there is locked out: people, pipelines, and nodes, which go NotReady. It "
    "covers a retreat, or it is an accident with the same outcome.",
    next_steps="Create the map again from your repository, with a principal that has an EKS access entry or that made "
    "the cluster. Then ask who deleted it.",
    techniques=("T1531",),
    false_positives=("Moving to access entries and deleting the map at the end.",),
    blind_spots=("A map that is emptied instead of deleted: aws-auth-changed counts that.",),
    tags=("identity", "aws"),
)

SYSTEM_MASTERS_USED = Detection(
    id="system-masters-used",
    title="An IAM principal acted as system:masters",
    severity=Severity.MEDIUM,
    condition=_AS_MASTERS,
    what="Someone who logged in through IAM used the group system:masters.",
    why="The group may do everything, and no role can limit it. It is for emergencies: every use should be known.",
    next_steps="Look for the incident or the change it belongs to. If there is none, ask the holder of the role, and "
    "give it an access entry with a lesser policy.",
    commands=listing("objectRef.resource", "user.extra.canonicalArn.0 as role"),
    techniques=("T1078.004",),
    false_positives=("The principal that created the cluster. Pipelines that were given the group for convenience.",),
    blind_spots=(
        "Administrators by access policy or by a binding to cluster-admin, who are not in this group.",
        "An exec or a watch, until it ends.",
    ),
    tags=("identity", "aws"),
)

SERVICE_ACCOUNT_CREATED = Detection(
    id="service-account-created",
    title="A service account was created",
    severity=Severity.LOW,
    condition=_ACCOUNT_CREATED,
    guards=(
        API_SERVER,
        CONTROLLER_MANAGER,
        EKS_ADDON_MANAGER,
        EKS_CLUSTER_BOOTSTRAP,
        SERVICE_ACCOUNT_CONTROLLER,
    ),
    what="Someone other than Kubernetes and EKS themselves created a service account.",
    why="It is an identity of its own, which outlives its maker's access.",
    next_steps="Compare with what was deployed. Not planned: see its bindings and tokens, delete it, ask its maker.",
    techniques=("T1136",),
    false_positives=("Nearly every deployment: Helm, GitOps controllers, operators.",),
    tags=("identity", "service-accounts"),
)

KUBE_SYSTEM_SERVICE_ACCOUNT_CREATED = Detection(
    id="kube-system-service-account-created",
    title="A service account was created in kube-system",
    severity=Severity.MEDIUM,
    condition=_ACCOUNT_CREATED & _IN_KUBE_SYSTEM,
    guards=SERVICE_ACCOUNT_CREATED.guards,
    what="Someone other than Kubernetes and EKS themselves created a service account in kube-system.",
    why="Among the accounts of the system a new one is hard to notice, and many rules trust them all.",
    next_steps="Compare with the add-ons you install. Not planned: look at its bindings and tokens, delete it, ask its "
    "maker.",
    techniques=("T1136", "T1036.005"),
    false_positives=("Add-ons that Helm or GitOps install there: autoscalers, load balancer controllers.",),
    tags=("identity", "service-accounts"),
)

CERTIFICATE_REQUESTED = Detection(
    id="certificate-requested",
    title="A certificate was requested",
    severity=Severity.LOW,
    condition=changed("certificatesigningrequests", group="certificates.k8s.io", verbs=["create"]),
    guards=(KUBELETS,),
    what="Someone other than a kubelet asked the cluster to sign a certificate.",
    why="A certificate of the cluster's CA is trusted by its clients, and cannot be revoked before it expires.",
    next_steps="See which signer was asked and by whom. Not planned: deny the request (kubectl certificate deny) and "
    "ask the principal.",
    commands=listing("requestObject.spec.signerName as signer", "requestObject.spec.username as requestor"),
    techniques=("T1649",),
    false_positives=("Operators and meshes that have their serving certificates signed by the cluster.",),
    tags=("identity", "certificates"),
)

CLIENT_CERTIFICATE_REQUESTED = Detection(
    id="client-certificate-requested",
    title="A certificate for logging in was requested",
    severity=Severity.MEDIUM,
    # Requested, whether signed or not: admission refuses one for system:masters.
    condition=EVENT
    & COMPLETE
    & (field("objectRef.resource") == "certificatesigningrequests")
    & (field("verb") == "create")
    & (field("requestObject.spec.signerName") == "kubernetes.io/kube-apiserver-client"),
    what="Someone asked for a client certificate, which admits its holder to the API server under any name.",
    why="On EKS people log in through IAM. The certificate is a way to stay that outlasts a revoked role.",
    next_steps="Deny the request (kubectl certificate deny), see whether one was approved, and ask the principal. Not "
    "them: revoke its sessions.",
    commands=listing("requestObject.spec.signerName as signer", "responseStatus.code as code"),
    techniques=("T1649", "T1098.001"),
    false_positives=("Manuals for other kinds of clusters, followed to the letter.",),
    blind_spots=("EKS documents no signer for client certificates: what is asked for may never be signed.",),
    tags=("identity", "certificates"),
)

CERTIFICATE_APPROVED = Detection(
    id="certificate-approved",
    title="A certificate request was approved",
    severity=Severity.MEDIUM,
    condition=changed("certificatesigningrequests", group="certificates.k8s.io", verbs=["update", "patch"])
    & (field("objectRef.subresource") == "approval")
    & (field("responseObject.status.conditions[*].type") == "Approved"),
    guards=(EKS_CERTIFICATE_CONTROLLER,),
    what="Someone other than EKS approved a certificate signing request.",
    why="Approval is what turns a request into a credential.",
    next_steps="See which signer and whose request it was. Not planned: ask the principal, and treat whatever the "
    "certificate is for as exposed until it expires.",
    commands=listing("responseObject.spec.signerName as signer", "responseObject.spec.username as requestor"),
    techniques=("T1649",),
    false_positives=("Operators that approve requests of their own.",),
    tags=("identity", "certificates"),
)

NODE_IDENTITY_USED_ELSEWHERE = Detection(
    id="node-identity-used-elsewhere",
    title="A node's identity was used by another client",
    severity=Severity.MEDIUM,
    condition=EVENT & COMPLETE & (field("user.username") == "system:node:*") & ~(field("userAgent") == "kubelet/*"),
    what="A client that does not call itself a kubelet made requests in the name of a node.",
    why="The node's IAM role can be taken from its instance metadata by any pod that reaches it. With it, an "
    "intruder reads the Secrets of all pods there.",
    next_steps="Compare the address with the node's. Find out which pod or person it was, replace the node, and make "
    "its metadata unreachable to pods (hop limit 1).",
    commands=listing("objectRef.resource", "responseStatus.code as code", "user.extra.arn.0 as arn"),
    techniques=("T1552.005", "T1078.004"),
    false_positives=(
        "Nodes of EKS Auto Mode, where other agents use the node's name: do not use it there, or exclude them.",
        "Bootstrap scripts that call the API with the node's kubeconfig.",
    ),
    blind_spots=("A thief whose client calls itself kubelet.",),
    tags=("identity", "nodes"),
)

MASTERS_BY_PRINCIPAL = SavedQuery(
    id="masters-by-principal",
    title="Identity - who uses system masters",
    answers="Which IAM principals act as system:masters, how much do they ask for, and from how many addresses?",
    condition=_AS_MASTERS,
    commands=(
        "stats count(*) as requests, count_distinct(requestURI) as uris, count_distinct(sourceIPs.0) as addresses, "
        "earliest(@timestamp) as first, latest(@timestamp) as last "
        "by user.username, user.extra.canonicalArn.0, user.extra.sessionName.0",
        "sort requests desc",
        "limit 100",
    ),
)

SESSIONS_BY_ROLE = SavedQuery(
    id="sessions-by-role",
    title="Identity - sessions of IAM roles",
    answers="Which IAM roles were used on the cluster, in which sessions, from how many addresses, and when?",
    condition=EVENT & COMPLETE & BY_IAM_PRINCIPAL,
    commands=(
        "stats count(*) as requests, count_distinct(sourceIPs.0) as addresses, "
        "count_distinct(user.extra.accessKeyId.0) as keys, earliest(@timestamp) as first, latest(@timestamp) as last "
        "by user.extra.canonicalArn.0, user.extra.arn.0",
        "sort last desc",
        "limit 1000",
    ),
)

ACCESS_KEYS_BY_PRINCIPAL = SavedQuery(
    id="access-keys-by-principal",
    title="Identity - AWS access keys",
    answers="Which AWS access keys were used on the cluster, by whom and from where? CloudTrail shows what else a key "
    "did. One that begins with AKIA does not expire.",
    condition=EVENT & COMPLETE & BY_IAM_PRINCIPAL,
    commands=(
        "stats count(*) as requests, count_distinct(sourceIPs.0) as addresses, latest(sourceIPs.0) as address, "
        "earliest(@timestamp) as first, latest(@timestamp) as last "
        "by user.extra.accessKeyId.0, user.extra.canonicalArn.0, user.username",
        "sort addresses desc",
        "limit 1000",
    ),
)

SYSTEM_PRINCIPALS_FROM_OUTSIDE = SavedQuery(
    id="system-principals-from-outside",
    title="Identity - system principals from public addresses",
    answers="Which parts of the system, nodes among them, called from a public address? EKS itself does so as "
    "eks:addon-manager and eks:node-manager, and nodes do where the endpoint is public only.",
    condition=EVENT
    & COMPLETE
    & (
        ((field("user.username") == "system:*") & (field("user.username") != "system:anonymous"))
        | (field("user.username") == "eks:*")
    ),
    commands=(
        "filter user.username not in ['eks:addon-manager', 'eks:node-manager']",
        FROM_OUTSIDE,
        "stats count(*) as requests, count_distinct(requestURI) as uris, latest(requestURI) as example "
        "by user.username, sourceIPs.0, userAgent",
        "sort requests desc",
        "limit 100",
    ),
)

DEFAULT = (AWS_AUTH_CHANGED,)
EXTENDED = (
    AWS_AUTH_DELETED,
    CERTIFICATE_APPROVED,
    CLIENT_CERTIFICATE_REQUESTED,
    KUBE_SYSTEM_SERVICE_ACCOUNT_CREATED,
    NODE_IDENTITY_USED_ELSEWHERE,
    SYSTEM_MASTERS_USED,
)
QUERIED = (CERTIFICATE_REQUESTED, SERVICE_ACCOUNT_CREATED)
QUERIES = (ACCESS_KEYS_BY_PRINCIPAL, MASTERS_BY_PRINCIPAL, SESSIONS_BY_ROLE, SYSTEM_PRINCIPALS_FROM_OUTSIDE)
