"""Secrets. Their contents are never in the audit log: EKS logs requests for them without bodies."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import EVENT, READ_VERBS, REFUSED_BY_AUTHORIZER, UNAUTHENTICATED, changed
from eks_audit_constructs.catalog.guards import (
    API_SERVER,
    CONTROLLER_MANAGER,
    EKS_KMS_STORAGE_MIGRATOR,
    GARBAGE_COLLECTOR,
    LEGACY_TOKEN_CLEANER,
    NAMESPACE_CONTROLLER,
    STARTING,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import field

_READ = (field("objectRef.resource") == "secrets") & field("verb").is_in(READ_VERBS)
_HELM_RELEASE = field("objectRef.name") == "sh.helm.release.v1.*"

SECRET_ACCESS_DENIED = Detection(
    id="secret-access-denied",
    title="Reads of Secrets were refused",
    severity=Severity.MEDIUM,
    condition=EVENT & _READ & REFUSED_BY_AUTHORIZER,
    guards=STARTING,
    what="Someone who is logged in tried to read, list or watch Secrets several times and was refused.",
    why="Secrets are what an intruder looks for first; whoever may read them seldom has to try twice.",
    next_steps="See which Secrets were asked for and by whom. A workload: why does it ask? "
    "A person: ask them. Neither: revoke the session.",
    commands=(
        "stats count(*) as refused, count_distinct(requestURI) as secrets, latest(requestURI) as example "
        "by user.username, user.extra.sessionName.0, sourceIPs.0, userAgent, objectRef.namespace",
        "sort refused desc",
        "limit 100",
    ),
    techniques=("T1552.007",),
    threshold=5,
    grounds="One mistake is no alarm; a misdeployed pod or a person looking around soon reaches five.",
    false_positives=("A workload or add-on deployed without the role it needs.",),
    tags=("secrets", "access"),
)

SECRET_CHANGED = Detection(
    id="secret-changed",
    title="A Secret was created or changed",
    severity=Severity.LOW,
    # Helm keeps each release in a Secret of its own: one or two writes per deployment that say nothing about secrets.
    condition=changed("secrets", verbs=["create", "update", "patch"]) & ~_HELM_RELEASE,
    guards=(API_SERVER, CONTROLLER_MANAGER, EKS_KMS_STORAGE_MIGRATOR, LEGACY_TOKEN_CLEANER),
    what="A Secret was created, updated or patched by someone other than Kubernetes itself.",
    why="Whoever swaps a credential decides whom the workloads trust. The response has the whole Secret, so an empty "
    "patch is a way to read it without the right to.",
    next_steps="Compare with the deployment you planned. A patch by a principal without read access: treat it as a "
    "read, and renew the Secret.",
    techniques=("T1552.007", "T1565.001"),
    false_positives=(
        "GitOps, CI and people who deploy Secrets; cert-manager and operators that sync or renew them: exclude these.",
    ),
    blind_spots=("What changed: contents are never logged.", "Secrets that borrow the name of a Helm release."),
    tags=("secrets",),
)

SECRET_DELETED = Detection(
    id="secret-deleted",
    title="Secrets were deleted",
    severity=Severity.LOW,
    # Helm deletes the Secret of its oldest release at each upgrade.
    condition=changed("secrets", verbs=["delete", "deletecollection"]) & ~_HELM_RELEASE,
    guards=(CONTROLLER_MANAGER, GARBAGE_COLLECTOR, LEGACY_TOKEN_CLEANER, NAMESPACE_CONTROLLER),
    what="A Secret, or all Secrets of a namespace, was deleted by someone other than Kubernetes itself.",
    why="Workloads that need it fail at their next start; a credential, a certificate or a key may be lost for good.",
    next_steps="Ask the principal. Not planned: restore it from its source, restart what uses it, and see what else "
    "the principal deleted.",
    techniques=("T1485",),
    false_positives=("helm uninstall, GitOps that prunes, operators that remove what they made, CI that tidies up.",),
    blind_spots=("Secrets that go with their namespace or their owner: see who deleted those.",),
    tags=("secrets",),
)

TOKEN_SECRET_CREATED = Detection(
    id="token-secret-created",
    title="A Secret with a lasting token was made",
    severity=Severity.MEDIUM,
    # The type of a Secret is not logged; that the tokens controller fills one in is.
    condition=changed("secrets", verbs=["update"]) & (field("user.username") == "system:kube-controller-manager"),
    what="Kubernetes put a service account's token that never expires into a Secret that somebody made for it.",
    why="It works from anywhere until the Secret is deleted, and using it needs no more rights: a way to stay.",
    next_steps="The query token-secret-makers names who made it. Not planned: delete the Secret, which ends the token, "
    "and see what the service account did.",
    techniques=("T1098.001", "T1528"),
    false_positives=(
        "Charts and CI systems that still make such tokens. Ask for short ones (kubectl create token) in their place.",
        "A new cluster CA: all of them are filled again at once.",
    ),
    blind_spots=("Whose token it is: the Secret's annotation is not logged.",),
    tags=("secrets", "identity"),
)

SECRETS_DENIED_OVER_TIME = SavedQuery(
    id="secrets-refused-over-time",
    title="Secrets - refused reads a minute",
    answers="When were reads of Secrets refused, for lack of permission (403) or of valid credentials (401)?",
    condition=EVENT & _READ & (UNAUTHENTICATED | REFUSED_BY_AUTHORIZER),
    commands=("stats count(*) as refused by bin(1m) as minute, responseStatus.code", "sort minute desc", "limit 10000"),
)

SECRET_HISTORY = SavedQuery(
    id="secrets-history",
    title="Secrets - who made, changed and deleted them",
    answers="Who made, changed or deleted which Secret, Helm's releases and Kubernetes' own changes included?",
    condition=changed("secrets"),
    commands=listing(),
)

TOKEN_SECRET_MAKERS = SavedQuery(
    id="token-secret-makers",
    title="Secrets - who made lasting tokens",
    answers="Who made the Secrets that Kubernetes filled with a service account's token, if in the time range?",
    condition=changed("secrets", verbs=["create", "update"]),
    commands=(
        "fields strcontains(user.username, 'system:kube-controller-manager') as filled",
        "stats max(filled) as token, earliest(user.username) as maker, earliest(sourceIPs.0) as address, "
        "earliest(@timestamp) as made, latest(@timestamp) as last by objectRef.namespace, objectRef.name",
        "filter token = 1",
        "sort made desc",
        "limit 1000",
    ),
)
