"""Tokens of service accounts: who has them minted, and from where they are used.

On EKS a minted token lives for a day at most, whatever was asked for; one kept in a Secret never expires.
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ALLOWED, BY_SERVICE_ACCOUNT, COMPLETE, EVENT, changed
from eks_audit_constructs.catalog.guards import CONTROLLER_MANAGER, EKS_CLOUD_CONTROLLER_MANAGER, KUBELETS, outside
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import field

_MINTED = changed("serviceaccounts", verbs=["create"]) & (field("objectRef.subresource") == "token")
_MINTERS = (CONTROLLER_MANAGER, EKS_CLOUD_CONTROLLER_MANAGER, KUBELETS)
_ASKED_FOR = ("requestObject.spec.expirationSeconds as seconds", "requestObject.spec.audiences.0 as audience")
_STOP = "A token cannot be revoked: delete the service account and make it again."

_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8")
FROM_OUTSIDE = "filter sourceIPs.0 like /^[0-9.]+$/ and " + " and ".join(
    f'not isIpv4InSubnet(sourceIPs.0, "{network}")' for network in _NETWORKS
)
"""An Insights command that keeps events whose first address is public. Add your own networks and NAT gateways."""

TOKEN_MINTED = Detection(
    id="token-minted",
    title="A service account token was minted",
    severity=Severity.LOW,
    condition=_MINTED,
    guards=_MINTERS,
    what="Someone other than a kubelet or a controller had a service account's token minted (kubectl create token).",
    why="Whoever holds the token is the service account, from anywhere, until it expires.",
    next_steps=f"Ask the principal what it is for. If it was not them, see what the account did since. {_STOP}",
    commands=listing(*_ASKED_FOR),
    techniques=("T1528", "T1550.001"),
    false_positives=(
        "Programs that mint tokens for others: secret stores, CSI drivers, pipelines, dashboards' login instructions.",
    ),
    blind_spots=("A token read from a pod or a Secret, which is not minted anew.",),
    tags=("identity", "service-accounts", "tokens"),
)

KUBE_SYSTEM_TOKEN_MINTED = Detection(
    id="kube-system-token-minted",
    title="A token for an account of kube-system was minted",
    severity=Severity.HIGH,
    condition=_MINTED & (field("objectRef.namespace") == "kube-system"),
    guards=_MINTERS,
    what="Someone other than a kubelet or a controller had a token minted for a service account in kube-system.",
    why="Controllers and add-ons live there. Some of their accounts may read every Secret, or bind any role; a token "
    "makes its holder one of them.",
    next_steps="Ask the principal at once. If it was not them, revoke its sessions and see what the account did since. "
    f"{_STOP}",
    commands=listing(*_ASKED_FOR),
    techniques=("T1528", "T1550.001", "T1078.001"),
    false_positives=("Add-ons in kube-system that mint tokens for their own accounts. Exclude them by name.",),
    blind_spots=("A stolen kubelet identity, used with its user agent: it may mint tokens for the pods of its node.",),
    tags=("identity", "service-accounts", "tokens"),
)

LONG_LIVED_TOKEN_MINTED = Detection(
    id="long-lived-token-minted",
    title="A token for a day or longer was minted",
    severity=Severity.MEDIUM,
    condition=_MINTED & (field("requestObject.spec.expirationSeconds") >= 86400),
    guards=_MINTERS,
    what="A token was minted with a requested lifetime of a day or longer.",
    why="An hour is enough to work with. A long lifetime is a way to come back. EKS shortens it to a day.",
    next_steps=f"Ask the principal what it is for, and let it ask for an hour. If it was not them: {_STOP[0].lower()}"
    f"{_STOP[1:]}",
    commands=listing(*_ASKED_FOR),
    techniques=("T1098.001", "T1528"),
    false_positives=("Instructions for dashboards and pipelines that ask for a year, out of habit.",),
    blind_spots=("Kubelets ask for a day on behalf of pods with an IAM role; they are not counted.",),
    tags=("identity", "service-accounts", "tokens"),
)

LEGACY_TOKEN_MINTED = Detection(
    id="legacy-token-minted",
    title="A token that never expires was put into a Secret",
    severity=Severity.MEDIUM,
    # Neither the body nor the type of a Secret is ever logged, but this controller writes to no other Secrets.
    condition=ALLOWED
    & (field("objectRef.resource") == "secrets")
    & (field("verb") == "update")
    & (field("user.username") == "system:kube-controller-manager")
    & (field("userAgent") == "*/tokens-controller"),
    what="Someone made a Secret of the type service-account-token, and the control plane put a token into it.",
    why="That token never expires. Whoever may read the Secret is the service account for good.",
    next_steps="The event names the controller: find who created the Secret of this name just before (query "
    "secret-trail). Not planned: delete the Secret, which revokes the token.",
    techniques=("T1098.001", "T1528"),
    false_positives=("Older charts, and tools outside the cluster that log in with such a token.",),
    blind_spots=("Before Kubernetes 1.24 each service account gets such a Secret automatically.",),
    tags=("identity", "service-accounts", "tokens"),
)

SECRET_TRAIL = SavedQuery(
    id="secret-trail",
    title="Identity - who made the Secrets that got a token",
    answers="Which Secrets did the token controller fill, and who created and changed them before?",
    condition=ALLOWED & (field("objectRef.resource") == "secrets") & field("verb").is_in(["create", "update", "patch"]),
    commands=(
        'fields strcontains(userAgent, "/tokens-controller") as by_controller',
        "stats sum(by_controller) as filled, earliest(user.username) as made_by, earliest(verb) as how, "
        "count_distinct(user.username) as principals, earliest(@timestamp) as first "
        "by objectRef.namespace, objectRef.name",
        "filter filled > 0",
        "sort first desc",
        "limit 100",
    ),
)

TOKENS_MINTED_BY_PRINCIPAL = SavedQuery(
    id="tokens-minted-by-principal",
    title="Identity - who mints tokens for whom",
    answers="Who has tokens minted for which service accounts, how many, and for how long?",
    condition=outside(_MINTED, _MINTERS),
    commands=(
        "stats count(*) as tokens, max(requestObject.spec.expirationSeconds) as longest, latest(@timestamp) as last "
        "by user.username, objectRef.namespace, objectRef.name, sourceIPs.0, userAgent",
        "sort tokens desc",
        "limit 100",
    ),
)

SERVICE_ACCOUNT_USED_FROM_OUTSIDE = SavedQuery(
    id="service-account-used-from-outside",
    title="Identity - service accounts from public addresses",
    answers="Which service accounts were used from public addresses? Pods reach the API server from within, or through "
    "the addresses of your NAT gateways: leave those out.",
    condition=EVENT & COMPLETE & BY_SERVICE_ACCOUNT,
    commands=(
        FROM_OUTSIDE,
        "stats count(*) as requests, count_distinct(requestURI) as uris, latest(requestURI) as example, "
        "earliest(@timestamp) as first, latest(@timestamp) as last by user.username, sourceIPs.0, userAgent",
        "sort requests desc",
        "limit 100",
    ),
)

TOKENS_USED_FROM_SEVERAL_PLACES = SavedQuery(
    id="tokens-used-from-several-places",
    title="Identity - tokens used from several places",
    answers="Which token, by its id, was used from more than one address or with more than one client? A pod has one.",
    condition=EVENT & COMPLETE & BY_SERVICE_ACCOUNT,
    commands=(
        "stats count(*) as requests, count_distinct(sourceIPs.0) as addresses, count_distinct(userAgent) as clients, "
        "latest(sourceIPs.0) as address, latest(userAgent) as client "
        "by user.username, `user.extra.authentication.kubernetes.io/credential-id.0` as token",
        "filter ispresent(token) and (addresses > 1 or clients > 1)",
        "sort addresses desc",
        "limit 100",
    ),
)

DEFAULT = (KUBE_SYSTEM_TOKEN_MINTED,)
EXTENDED = (LEGACY_TOKEN_MINTED, LONG_LIVED_TOKEN_MINTED)
QUERIED = (TOKEN_MINTED,)
QUERIES = (
    SECRET_TRAIL,
    SERVICE_ACCOUNT_USED_FROM_OUTSIDE,
    TOKENS_MINTED_BY_PRINCIPAL,
    TOKENS_USED_FROM_SEVERAL_PLACES,
)
