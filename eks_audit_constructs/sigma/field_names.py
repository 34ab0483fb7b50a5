"""The fields of an audit event by the names that Sigma rules use.

Sigma has no taxonomy for Kubernetes: rules name fields as the audit event does, `objectRef.resource`, but do not mark
arrays: `user.groups`, `requestObject.spec.containers.image`. Here arrays get their `[*]`; a name with an index of its
own, `sourceIPs[0]`, stays as it is.
"""

from __future__ import annotations

import re

from eks_audit_constructs.audit_events.fields import is_list, shape
from eks_audit_constructs.audit_events.impossible import no_value
from eks_audit_constructs.conditions.expression import ANY_ELEMENT, Path, field
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["paths"]

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")

_SHORT: dict[str, tuple[str, ...]] = {
    "resource": ("objectRef.resource",),
    "subresource": ("objectRef.subresource",),
    "apiGroup": ("objectRef.apiGroup",),
    "namespace": ("objectRef.namespace",),
    "hostPath": ("requestObject.spec.volumes[*].hostPath.path",),
    "capabilities": tuple(f"requestObject.spec.{kind}[*].securityContext.capabilities.add[0]" for kind in _CONTAINERS),
}
"""Short names in published rules. The last two cover Pods, but not the Pod templates in other objects."""

_MAP = re.compile(
    r"(?P<map>(?:.+\.)?(?:annotations|labels|matchLabels|nodeSelector|extra))\.(?P<key>[^\[\]']+)(?P<rest>\[.*)?"
)
"""Maps whose keys may have any characters: what follows is one key, dots and slashes included."""


def paths(name: str, where: str) -> tuple[Path, ...]:
    """Return where an event has the value of a Sigma field: in one place or, for some short names, in any of several.

    Raises:
        AuditConfigurationError: No audit event has the field, or it holds an object.
    """
    return tuple(_path(long, name, where) for long in _SHORT.get(name, (name,)))


def _path(long: str, name: str, where: str) -> Path:
    part = _MAP.fullmatch(long)
    try:
        if part is None:
            path = field(long).path
        else:
            path = (*field(part["map"]).path, part["key"], *(field(part["rest"]).path if part["rest"] else ()))
    except AuditConfigurationError as error:
        raise _refused(where, name, error.limit, "Use the name in the audit event.") from None
    path = _with_arrays(path)
    if (reason := no_value(path)) is not None:
        raise _refused(where, name, reason.says, reason.way_out)
    return path


def _with_arrays(path: Path) -> Path:
    """Add `[*]` to each array without an index; the values of `user.extra` are arrays of one."""
    marked: Path = ()
    for at, segment in enumerate(path):
        marked += (segment,)
        if not isinstance(segment, str) or (at + 1 < len(path) and not isinstance(path[at + 1], str)):
            continue
        if shape(path[:at]) in ("user.extra", "impersonatedUser.extra"):
            marked += (0,)
        elif is_list(path[: at + 1]):
            marked += (ANY_ELEMENT,)
    return marked


def _refused(where: str, name: str, limit: str, way_out: str) -> AuditConfigurationError:
    return AuditConfigurationError(where, value=name, limit=limit, way_out=way_out)
