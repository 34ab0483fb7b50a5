"""The fields of an audit event, and the values they can have.

Sources: the audit.k8s.io/v1 Event (staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go) and
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

from eks_audit_constructs.conditions.expression import And, Comparison, Expression, Or, Path, Regex, selector
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = [
    "ALWAYS",
    "ARRAYS",
    "KNOWN_VALUES",
    "LOWER_CASE",
    "NUMBERS",
    "OPEN",
    "PLURALS",
    "TEXTS",
    "any_case",
    "refuse_text_for_numbers",
    "shape",
]

TEXTS = frozenset(
    {
        *("kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "userAgent", "sourceIPs"),
        *(f"{user}.{name}" for user in ("user", "impersonatedUser") for name in ("username", "uid", "groups")),
        *(f"objectRef.{name}" for name in ("resource", "subresource", "namespace", "name", "uid", "apiGroup")),
        *("objectRef.apiVersion", "objectRef.resourceVersion"),
        *("responseStatus.status", "responseStatus.message", "responseStatus.reason"),
        *("requestReceivedTimestamp", "stageTimestamp"),
    }
)
"""Fields that contain only text."""

ALWAYS = frozenset({"kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb"})
"""Fields that every event has."""

NUMBERS = frozenset({"responseStatus.code"})
"""Fields that contain only numbers."""

OPEN = frozenset(
    {
        *("requestObject", "responseObject", "annotations", "user.extra", "impersonatedUser.extra"),
        *("responseStatus.details", "responseStatus.metadata", "authenticationMetadata"),
    }
)
"""Objects whose fields the audit event does not define."""

_FREE_TEXT = frozenset({"userAgent", "requestURI", "responseStatus.message"})

_DECISION = "annotations.authorization.k8s.io/decision"

LOWER_CASE = frozenset({"verb", "objectRef.resource", "objectRef.subresource", "objectRef.apiGroup", _DECISION})
"""Fields whose values are always in lower case."""

KNOWN_VALUES: dict[str, frozenset[str]] = {
    "verb": frozenset(
        {
            *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
            *("post", "put", "head", "options", "connect", "trace"),  # the HTTP method, for URLs that are not resources
        }
    ),
    "stage": frozenset({"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}),
    "level": frozenset({"Metadata", "Request", "RequestResponse"}),
    "kind": frozenset({"Event"}),
    _DECISION: frozenset({"allow", "forbid"}),
}
"""Fields that have no other values. Verbs: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go"""

PLURALS = {
    (f"{name[:-3]}y" if name.endswith("ies") else name[:-2] if name.endswith("sses") else name[:-1]): name
    for name in (
        *("pods", "secrets", "configmaps", "nodes", "namespaces", "services", "serviceaccounts", "events"),
        *("roles", "rolebindings", "clusterroles", "clusterrolebindings", "ingresses", "networkpolicies"),
        *("deployments", "daemonsets", "statefulsets", "replicasets", "jobs", "cronjobs", "persistentvolumes"),
        *("mutatingwebhookconfigurations", "validatingwebhookconfigurations", "customresourcedefinitions"),
        *("certificatesigningrequests", "tokenreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
    )
}
"""Kubernetes' own resources by their singular, which never appears in `objectRef.resource`."""

ARRAYS = frozenset(
    {
        *("sourceIPs", "user.groups", "impersonatedUser.groups", "responseStatus.details.causes"),
        *(
            "containers",
            "initContainers",
            "ephemeralContainers",
            "volumes",
            "volumeMounts",
            "env",
            "envFrom",
            "ports",
            "args",
            "command",
            "imagePullSecrets",
        ),
        *("rules", "subjects", "verbs", "apiGroups", "nonResourceURLs", "resourceNames", "rules.resources"),
        *("webhooks", "add", "drop", "items", "finalizers", "ownerReferences", "usages", "groups", "audiences"),
        *("tolerations", "secrets", "externalIPs", "loadBalancerSourceRanges", "taints", "hostAliases"),
    }
)
"""Arrays, by the ends of their names: those of the event and of Kubernetes' own objects."""


def shape(path: Path) -> str:
    """Return a field's name without indexes: `user.groups` for `user.groups[0]`."""
    return ".".join(segment for segment in path if isinstance(segment, str))


def any_case(path: Path) -> bool:
    """Return whether a field may contain the same word in any case, as clients and servers choose."""
    name = shape(path)
    return name in _FREE_TEXT or (name.startswith("annotations.") and name not in LOWER_CASE)


def refuse_text_for_numbers(condition: Expression, where: str) -> None:
    """Reject a condition that compares text with a field of numbers, since no event could match it.

    Raises:
        AuditConfigurationError: With the field, the text, and the number to compare with.
    """
    match condition:
        case And(terms) | Or(terms):
            for term in terms:
                refuse_text_for_numbers(term, where)
        case Comparison(path, _, str() | Regex() as text) if text != "*" and shape(path) in NUMBERS:
            name = selector(path)
            raise AuditConfigurationError(
                where,
                value=text.source if isinstance(text, Regex) else text,
                limit=f"{name} is always a number, and no text equals a number",
                way_out=f'Write field("{name}") == 403, .is_in([401, 403]) or >= 400, '
                'or .matches_number("4*") for a wildcard.',
            )
