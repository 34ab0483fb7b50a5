"""What EKS logs: whether any audit event can match a condition, and in which stage.

The EKS audit policy leaves out some requests and some bodies, and a failed authentication is logged differently from
everything else. Each kind of event is described by the little that is known about its fields; a condition that is false
for all kinds can never match.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html, the audit log of a cluster, and
staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit.go
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from eks_audit_constructs.audit_events.certain import Events, Outside, both, contradictory, holds, one_of, paths
from eks_audit_constructs.audit_events.fields import shape
from eks_audit_constructs.conditions.evaluation import MISSING
from eks_audit_constructs.conditions.expression import Expression, any_of, field

__all__ = ["EXCLUDED", "STAGE", "once", "why_never"]

STAGE = "stage"


_NO_BODY: Events = {"requestObject": one_of(MISSING), "responseObject": one_of(MISSING)}
_NOBODY: Events = {"user": one_of(MISSING), "annotations": one_of(MISSING), "responseStatus.code": one_of(401)}
_BODILESS = ("secrets", "configmaps", "tokenreviews")
_UNLOGGED_URIS = ("/healthz*", "/version", "/swagger*")
_AUTHENTICATED = Outside((401,))

_SESSION: Events = {"objectRef.subresource": one_of("exec", "attach", "portforward", "proxy", "log")}
_WATCH: Events = {"verb": one_of("watch")}
"""Requests that stay open are also logged when the response begins."""

_SHORT_REQUEST: Events = {
    STAGE: one_of("ResponseComplete"),
    "responseStatus.code": _AUTHENTICATED,
    "verb": Outside(("watch",)),
    "objectRef.subresource": Outside(("exec", "attach", "portforward", "proxy", "log")),
}
_LONG_REQUESTS = tuple(
    {STAGE: one_of(stage), "responseStatus.code": _AUTHENTICATED, **kind}
    for kind in (_SESSION, _WATCH)
    for stage in ("ResponseStarted", "ResponseComplete")
)
_UNAUTHENTICATED: Events = {STAGE: one_of("ResponseStarted"), "requestObject": one_of(MISSING), **_NOBODY}
_TOKEN_ASKED: Events = {
    STAGE: one_of("RequestReceived"),
    "objectRef.resource": one_of("serviceaccounts"),
    "objectRef.subresource": one_of("token"),
    "responseStatus": one_of(MISSING),
}
_PANIC: Events = {STAGE: one_of("Panic"), "responseStatus.code": _AUTHENTICATED}

_BUILT_IN_GROUPS = (
    *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps"),
    *("authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io"),
    *("discovery.k8s.io", "extensions", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io"),
    *("metrics.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io"),
    *("resource.k8s.io", "scheduling.k8s.io", "settings.k8s.io", "storage.k8s.io", "storagemigration.k8s.io"),
)
"""Kubernetes' groups; EKS logs others (custom resources, leases, events) without bodies.

The policy may lack some of these too, which nobody has seen: then more is impossible than is said here.
"""
_READ = ("get", "list", "watch")

_WITH_BODY: Events = {
    "objectRef.resource": Outside(("events", *_BODILESS)),
    "objectRef.apiGroup": one_of(MISSING, *_BUILT_IN_GROUPS),
}
_SUBJECTS: tuple[Events, ...] = (
    {**_WITH_BODY, "verb": Outside(_READ)},
    {**_WITH_BODY, "verb": one_of("get"), **_SESSION},
    {"objectRef.resource": Outside(("events",)), "verb": one_of(*_READ), **_NO_BODY},
    {
        "objectRef.resource": Outside(("events",)),
        "objectRef.apiGroup": Outside(_BUILT_IN_GROUPS),
        "verb": Outside(_READ),
        **_NO_BODY,
    },
    {"objectRef.resource": one_of(*_BODILESS), "verb": Outside(_READ), **_NO_BODY},
)
"""Requests that are logged. Those that read have no body, except that sessions may, which are opened with `get` too."""
_SUBJECTS_BY_NAME: dict[str, Events] = {
    "objectRef.apiGroup": {
        "objectRef.resource": one_of("events"),
        "objectRef.apiGroup": one_of("events.k8s.io"),
        **_NO_BODY,
    },
    "objectRef.name": {
        "objectRef.resource": one_of("configmaps"),
        "objectRef.name": one_of("aws-auth"),
        "objectRef.namespace": one_of("kube-system"),
        "verb": one_of("update", "patch", "delete"),
    },
}
"""Exceptions for conditions on these fields: without them, `delete` of `events` means core events, as in kubectl."""

_OTHERS = (_SHORT_REQUEST, *_LONG_REQUESTS, _TOKEN_ASKED, _PANIC)

_UNLOGGED_SUBJECTS: tuple[tuple[str, Events, tuple[str, str]], ...] = (
    (
        "objectRef.resource",
        {"objectRef.resource": one_of("events"), "objectRef.apiGroup": one_of(MISSING, "")},
        (
            "EKS never logs requests for core events",
            "Drop the rule, or use the apiGroup events.k8s.io, which is logged",
        ),
    ),
    (
        "objectRef.resource",
        {"objectRef.resource": one_of(*_BODILESS)},
        (
            "EKS logs requests for Secrets, ConfigMaps and TokenReviews without their bodies",
            "Drop the conditions on bodies: only changes of the ConfigMap aws-auth have them",
        ),
    ),
    (
        "verb",
        {"verb": one_of(*_READ)},
        (
            "EKS logs what is only read (get, list, watch) without bodies",
            "Drop the conditions on bodies, or ask for verbs that write",
        ),
    ),
    (
        "objectRef.apiGroup",
        {"objectRef.apiGroup": Outside(_BUILT_IN_GROUPS)},
        (
            "EKS logs custom resources, and all else outside Kubernetes' own groups, without bodies",
            "Drop the conditions on bodies",
        ),
    ),
)
"""What is not logged: each is the reason if a condition names the field and could match, were it logged."""
_UNLOGGED_KINDS: tuple[tuple[Events, str, str], ...] = (
    (
        {STAGE: one_of("RequestReceived"), "responseStatus.code": _AUTHENTICATED},
        "EKS logs the stage RequestReceived only for serviceaccounts/token, and without a responseStatus",
        "Drop the condition on stage",
    ),
    (
        {STAGE: one_of("ResponseStarted"), "responseStatus.code": _AUTHENTICATED},
        "only requests that stay open (watch, exec, attach, port-forward, proxy, log) and failed authentications have "
        "the stage ResponseStarted",
        "Drop the condition on stage",
    ),
    (
        {"responseStatus.code": one_of(401)},
        "a failed authentication (401) has one event, ResponseStarted, without user, annotations or requestObject",
        "Drop the conditions on these and on stage",
    ),
)


EXCLUDED = "its parts exclude each other: no event can meet them all", "Correct the condition"
"""Why a condition never matches that has nothing to do with EKS."""


def why_never(condition: Expression) -> tuple[str, str] | None:
    """Return why no event on EKS can match the condition, and the way out; None if one can."""
    kinds = (*_OTHERS, _UNAUTHENTICATED)
    if contradictory(condition):
        return EXCLUDED
    if _possible(condition, kinds):
        return None
    asked = {shape(path) for path in paths(condition)}
    for name, subject, reason in _UNLOGGED_SUBJECTS:
        if name in asked and _possible(condition, kinds, subjects=(subject,)):
            return reason
    if _possible(condition, kinds, unlogged=()):
        return "EKS never logs requests for /healthz, /version and /swagger", "Drop the rule"
    for kind, says, way_out in _UNLOGGED_KINDS:
        if _possible(condition, (kind,)):
            return says, way_out
    return EXCLUDED


def once(condition: Expression) -> Expression | None:
    """Return the condition on the stage with which each request counts once; None if it has only one event.

    - Failed authentications (401) have one event, ResponseStarted.
    - Requests that stay open have two. If a condition is about them alone, the first counts: the second comes when they
      end, perhaps after hours.
    - All others end with ResponseComplete.
    """
    if not _possible(condition, _OTHERS):
        return None
    if not _possible(condition, (_SHORT_REQUEST,)):
        return field(STAGE) == "ResponseStarted"
    complete = field(STAGE) == "ResponseComplete"
    if not _possible(condition, (_UNAUTHENTICATED,)):
        return complete
    return any_of([complete, field("responseStatus.code") == 401])


def _possible(
    condition: Expression,
    kinds: Iterable[Events],
    *,
    subjects: Iterable[Events] | None = None,
    unlogged: tuple[str, ...] = _UNLOGGED_URIS,
) -> bool:
    """Return whether an event of one of these kinds, about one of these subjects, could meet the condition."""
    if subjects is None:
        asked = {shape(path) for path in paths(condition)}
        subjects = [*_SUBJECTS, *(subject for name, subject in _SUBJECTS_BY_NAME.items() if name in asked)]
    uris: Events = {"requestURI": Outside(unlogged)}
    return any(
        holds(condition, {**events, **uris}) is not False
        for kind, subject in product(kinds, subjects)
        if (events := both(kind, subject)) is not None
    )
