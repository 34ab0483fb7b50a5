"""The fields of an audit event by the names that Sigma rules use, and what can stand in them.

Sigma has no taxonomy for Kubernetes: rules name fields as the audit event does, `objectRef.resource`, with arrays
unmarked: `user.groups`, `requestObject.spec.containers.image`. Here those get their `[*]`; a name that marks them
itself, `sourceIPs[0]`, is taken as it is.

Sources: the audit.k8s.io/v1 Event (staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go) and
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

import re

from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Path, field
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ALWAYS", "KNOWN_VALUES", "LOWER_CASE", "NUMBERS", "PLURALS", "TEXTS", "any_case", "paths", "shape"]

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")

_SHORT: dict[str, tuple[str, ...]] = {
    "resource": ("objectRef.resource",),
    "subresource": ("objectRef.subresource",),
    "apiGroup": ("objectRef.apiGroup",),
    "namespace": ("objectRef.namespace",),
    "hostPath": ("requestObject.spec.volumes[*].hostPath.path",),
    "capabilities": tuple(f"requestObject.spec.{kind}[*].securityContext.capabilities.add[0]" for kind in _CONTAINERS),
}
"""Short names in published rules. The last two look into Pods: into their templates in other objects they do not."""

_INSTEAD = {
    "host": "Use sourceIPs[0].",
    "k8s_user.username": "Use user.username.",
    "username": "Use user.username.",
    "sourceIP": "Use sourceIPs[0].",
}

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
"""Fields that hold text only."""

ALWAYS = frozenset({"kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb"})
"""Fields that every event has."""

NUMBERS = frozenset({"responseStatus.code"})

_OPEN = frozenset(
    {
        *("requestObject", "responseObject", "annotations", "user.extra", "impersonatedUser.extra"),
        *("responseStatus.details", "responseStatus.metadata", "authenticationMetadata"),
    }
)
"""Objects whose fields are not the audit event's to say."""

_FREE_TEXT = frozenset({"userAgent", "requestURI", "responseStatus.message"})

_DECISION = "annotations.authorization.k8s.io/decision"

LOWER_CASE = frozenset({"verb", "objectRef.resource", "objectRef.subresource", "objectRef.apiGroup", _DECISION})
"""Fields whose values are always in lower case."""

KNOWN_VALUES: dict[str, frozenset[str]] = {
    "verb": frozenset(
        {
            *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
            *("post", "put", "head", "options", "connect", "trace"),  # of URLs that are no resources: the HTTP method
        }
    ),
    "stage": frozenset({"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"}),
    "level": frozenset({"Metadata", "Request", "RequestResponse"}),
    "kind": frozenset({"Event"}),
    _DECISION: frozenset({"allow", "forbid"}),
}
"""Fields that hold nothing else. Verbs: staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go"""

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
"""Kubernetes' own resources by their singular, which never stands in `objectRef.resource`."""

_ARRAYS = frozenset(
    {
        *("sourceIPs", "user.groups", "impersonatedUser.groups", "responseStatus.details.causes"),
        *(*_CONTAINERS, "volumes", "volumeMounts", "env", "envFrom", "ports", "args", "command", "imagePullSecrets"),
        *("rules", "subjects", "verbs", "apiGroups", "nonResourceURLs", "resourceNames", "rules.resources"),
        *("webhooks", "add", "drop", "items", "finalizers", "ownerReferences", "usages", "groups", "audiences"),
        *("tolerations", "secrets", "externalIPs", "loadBalancerSourceRanges", "taints", "hostAliases"),
    }
)
"""Arrays, by the ends of their names: those of the event and of Kubernetes' own objects."""

_MAP = re.compile(
    r"(?P<map>(?:.+\.)?(?:annotations|labels|matchLabels|nodeSelector|extra))\.(?P<key>[^\[\]']+)(?P<rest>\[.*)?"
)
"""Maps with keys of any characters: what follows is one key, its dots and slashes included."""


def paths(name: str, where: str) -> tuple[Path, ...]:
    """Where in an event the value of a Sigma field is: in one place or, for some short names, in any of several.

    Raises:
        AuditConfigurationError: No audit event has the field, or it holds an object.
    """
    return tuple(_path(long, name, where) for long in _SHORT.get(name, (name,)))


def shape(path: Path) -> str:
    """The field's name without indexes: `user.groups` for `user.groups[0]`."""
    return ".".join(segment for segment in path if isinstance(segment, str))


def any_case(path: Path) -> bool:
    """Whether the same word may stand there in any case, as clients and servers like."""
    name = shape(path)
    return name in _FREE_TEXT or (name.startswith("annotations.") and name not in LOWER_CASE)


def _path(long: str, name: str, where: str) -> Path:
    part = _MAP.fullmatch(long)
    try:
        if part is None:
            path = field(long).path
        else:
            path = (*field(part["map"]).path, part["key"], *(field(part["rest"]).path if part["rest"] else ()))
    except ValueError as error:
        raise _refused(where, name, str(error), "Write it as the audit event does.") from None
    path = _with_arrays(path)
    known = shape(path)
    if known in TEXTS or known in NUMBERS or any(known.startswith(f"{one}.") for one in _OPEN):
        return path
    if any(one == known or one.startswith(f"{known}.") for one in TEXTS | NUMBERS | _OPEN):
        raise _refused(
            where, name, "the field holds an object, and CloudWatch compares only values", "Name a field in it."
        )
    way_out = _INSTEAD.get(name, "Use the audit event's own names, such as objectRef.resource or user.username.")
    raise _refused(where, name, "no Kubernetes audit event has this field", way_out)


def _with_arrays(path: Path) -> Path:
    """The path with `[*]` after each array that has no index; the values of `user.extra` are arrays of one."""
    marked: Path = ()
    for at, segment in enumerate(path):
        marked += (segment,)
        if not isinstance(segment, str) or (at + 1 < len(path) and not isinstance(path[at + 1], str)):
            continue
        before = shape(path[:at])
        if before in ("user.extra", "impersonatedUser.extra"):
            marked += (0,)
        elif f"{before}.{segment}".removeprefix(".") in _ARRAYS or (
            before.startswith(("requestObject", "responseObject"))
            and (segment in _ARRAYS or f"{before.rpartition('.')[2]}.{segment}" in _ARRAYS)
        ):
            marked += (ANY_ELEMENT,)
    return marked


def _refused(where: str, name: str, limit: str, way_out: str) -> AuditConfigurationError:
    return AuditConfigurationError(where, value=name, limit=limit, way_out=way_out)
