"""The fields of an audit event, and the values they can have.

Sources: the audit.k8s.io/v1 Event (staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go) and
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

from enum import Enum

from eks_audit_constructs.conditions.expression import ANY_FIELD, Path

__all__ = [
    "ALWAYS",
    "ARRAYS",
    "BOOLEANS",
    "INSTEAD",
    "KNOWN_VALUES",
    "LOWER_CASE",
    "MAPS",
    "NUMBERS",
    "PLURALS",
    "TEXTS",
    "WHOLE_NUMBERS",
    "Holds",
    "any_case",
    "holds",
    "is_list",
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

LOWER_CASE = frozenset(
    {
        *("verb", "objectRef.resource", "objectRef.subresource", "objectRef.apiGroup", "objectRef.namespace"),
        _DECISION,
    }
)
"""Fields whose values are always in lower case."""

KNOWN_VALUES: dict[str, frozenset[str]] = {
    "verb": frozenset(
        {
            *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
            *("post", "put", "head", "options", "connect", "trace"),  # the HTTP method, for URLs that are not resources
            *("propfind", "proppatch", "mkcol", "copy", "move", "lock", "unlock", "search", "track", "debug", "purge"),
        }
    ),
    "apiVersion": frozenset({"audit.k8s.io/v1"}),
    "responseStatus.status": frozenset({"Success", "Failure"}),
    "stage": frozenset({"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}),
    "level": frozenset({"Metadata", "Request", "RequestResponse"}),
    "kind": frozenset({"Event"}),
    _DECISION: frozenset({"allow", "forbid"}),
}
"""Fields that have no other values. Verbs: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go

The last verbs are the methods of scanners: for URLs that are not resources, the verb is whatever method was sent.
"""

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


INSTEAD = {
    "host": "sourceIPs[0]",
    "k8s_user.username": "user.username",
    "objectRef.kind": "objectRef.resource",
    "sourceIP": "sourceIPs[0]",
    "user.name": "user.username",
    "username": "user.username",
}
"""Names that pages and rules use for fields that have another name."""

MAPS = frozenset({"annotations", "labels", "matchLabels", "nodeSelector"})
"""Objects of text under keys that may have dots."""

BOOLEANS = frozenset(
    {
        *("privileged", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostProcess", "shareProcessNamespace"),
        *("allowPrivilegeEscalation", "runAsNonRoot", "readOnlyRootFilesystem", "automountServiceAccountToken"),
        *("unschedulable", "suspend", "immutable", "readOnly"),
    }
)
"""What Kubernetes' own objects have as true or false, by the ends of their names."""

WHOLE_NUMBERS = frozenset(
    {
        *("replicas", "runAsUser", "runAsGroup", "fsGroup", "hostPort", "containerPort", "nodePort"),
        *("expirationSeconds", "gracePeriodSeconds", "terminationGracePeriodSeconds", "parallelism", "completions"),
    }
)
"""What Kubernetes' own objects have as numbers, by the ends of their names."""


class Holds(Enum):
    """What a field of an audit event holds."""

    TEXT = "text"
    NUMBER = "number"
    OBJECT = "object"
    LIST = "list"
    ANYTHING = "anything"
    """It is in a body or another part that the audit event does not define."""
    NOTHING = "nothing"
    """No event has it."""


def holds(path: Path) -> Holds:
    """Return what a field of an audit event holds, by the definition of the event."""
    if ANY_FIELD in path:
        parent = path[: path.index(ANY_FIELD)]
        inside = not parent or holds(parent) in (Holds.OBJECT, Holds.ANYTHING)
        return Holds.ANYTHING if inside else Holds.NOTHING
    for length in range(len(path), 0, -1):
        group, rest = _GROUPS.get(path[:length]), path[length:]
        match group:
            case "text":
                return Holds.NOTHING if rest else Holds.TEXT
            case "number":
                return Holds.NOTHING if rest else Holds.NUMBER
            case "list":
                return _of_list(rest)
            case "open":
                return Holds.ANYTHING if rest else Holds.OBJECT
            case "object":
                return Holds.NOTHING if rest else Holds.OBJECT
            case "texts by key":
                return Holds.OBJECT if not rest else Holds.TEXT if _is_key(rest) else Holds.NOTHING
            case "lists by key":
                return Holds.OBJECT if not rest else _of_list(rest[1:]) if _is_key(rest[:1]) else Holds.NOTHING
    return Holds.NOTHING


_LISTS = frozenset({"sourceIPs", "user.groups", "impersonatedUser.groups"})
_LISTS_BY_KEY = frozenset({"user.extra", "impersonatedUser.extra"})
_TEXTS_BY_KEY = frozenset({"annotations"})
_GROUPS: dict[Path, str] = {
    tuple(name.split(".")): group
    for group, names in {
        "text": TEXTS - _LISTS,
        "number": NUMBERS,
        "open": OPEN - _LISTS_BY_KEY - _TEXTS_BY_KEY,
        "object": {"user", "impersonatedUser", "objectRef", "responseStatus"},
        "list": _LISTS,
        "lists by key": _LISTS_BY_KEY,
        "texts by key": _TEXTS_BY_KEY,
    }.items()
    for name in names
}


def _of_list(rest: Path) -> Holds:
    return Holds.LIST if not rest else Holds.TEXT if len(rest) == 1 and not isinstance(rest[0], str) else Holds.NOTHING


def _is_key(rest: Path) -> bool:
    return len(rest) == 1 and isinstance(rest[0], str)


def is_list(path: Path) -> bool:
    """Return whether a path without its indexes is known to lead to a list, in bodies by the end of its name."""
    *above, last = (key for key in path if isinstance(key, str))
    before = ".".join(above)
    if before in _LISTS_BY_KEY or f"{before}.{last}".removeprefix(".") in ARRAYS:
        return True
    return before.startswith(("requestObject", "responseObject")) and (
        last in ARRAYS or f"{before.rpartition('.')[2]}.{last}" in ARRAYS
    )


def shape(path: Path) -> str:
    """Return a field's name without indexes: `user.groups` for `user.groups[0]`."""
    return ".".join(segment for segment in path if isinstance(segment, str))


def any_case(path: Path) -> bool:
    """Return whether a field may contain the same word in any case, as clients and servers choose."""
    name = shape(path)
    return name in _FREE_TEXT or (name.startswith("annotations.") and name not in LOWER_CASE)
