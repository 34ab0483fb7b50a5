"""What EKS logs: whether any audit event can match a condition, and in which stage.

The EKS audit policy leaves out some requests and some bodies, and a failed authentication is logged differently from
everything else. Each kind of event is described by the little that is known about its fields; a condition that is false
for all kinds can never match.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html, the audit log of a cluster, and
staging/src/k8s.io/apiserver/pkg/endpoints/filters/audit.go
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TypeAlias

from eks_audit_constructs.audit_events.fields import NUMBERS, shape
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    Operator,
    Or,
    Path,
    any_of,
    field,
    has_wildcard,
    leaves,
)

__all__ = ["EXCLUDED", "STAGE", "once", "why_never"]

STAGE = "stage"


@dataclass(frozen=True, slots=True)
class _Among:
    """The field has one of these values; `MISSING` may be one."""

    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Outside:
    """The field has none of these values; `*` matches any text."""

    globs: tuple[str | int, ...]


_Events: TypeAlias = Mapping[str, _Among | _Outside]
"""A kind of event: what is known about its fields. Nothing is known about those it does not name."""


def _one_of(*values: object) -> _Among:
    return _Among(values)


_NO_BODY: _Events = {"requestObject": _one_of(MISSING), "responseObject": _one_of(MISSING)}
_NOBODY: _Events = {"user": _one_of(MISSING), "annotations": _one_of(MISSING), "responseStatus.code": _one_of(401)}
_BODILESS = ("secrets", "configmaps", "tokenreviews")
_UNLOGGED_URIS = ("/healthz*", "/version", "/swagger*")
_AUTHENTICATED = _Outside((401,))

_SESSION: _Events = {"objectRef.subresource": _one_of("exec", "attach", "portforward", "proxy", "log")}
_WATCH: _Events = {"verb": _one_of("watch")}
"""Requests that stay open are also logged when the response begins."""

_SHORT_REQUEST: _Events = {
    STAGE: _one_of("ResponseComplete"),
    "responseStatus.code": _AUTHENTICATED,
    "verb": _Outside(("watch",)),
    "objectRef.subresource": _Outside(("exec", "attach", "portforward", "proxy", "log")),
}
_LONG_REQUESTS = tuple(
    {STAGE: _one_of(stage), "responseStatus.code": _AUTHENTICATED, **kind}
    for kind in (_SESSION, _WATCH)
    for stage in ("ResponseStarted", "ResponseComplete")
)
_UNAUTHENTICATED: _Events = {STAGE: _one_of("ResponseStarted"), "requestObject": _one_of(MISSING), **_NOBODY}
_TOKEN_ASKED: _Events = {
    STAGE: _one_of("RequestReceived"),
    "objectRef.resource": _one_of("serviceaccounts"),
    "objectRef.subresource": _one_of("token"),
    "responseStatus": _one_of(MISSING),
}
_PANIC: _Events = {STAGE: _one_of("Panic"), "responseStatus.code": _AUTHENTICATED}

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

_WITH_BODY: _Events = {
    "objectRef.resource": _Outside(("events", *_BODILESS)),
    "objectRef.apiGroup": _one_of(MISSING, *_BUILT_IN_GROUPS),
}
_SUBJECTS: tuple[_Events, ...] = (
    {**_WITH_BODY, "verb": _Outside(_READ)},
    {**_WITH_BODY, "verb": _one_of("get"), **_SESSION},
    {"objectRef.resource": _Outside(("events",)), "verb": _one_of(*_READ), **_NO_BODY},
    {
        "objectRef.resource": _Outside(("events",)),
        "objectRef.apiGroup": _Outside(_BUILT_IN_GROUPS),
        "verb": _Outside(_READ),
        **_NO_BODY,
    },
    {"objectRef.resource": _one_of(*_BODILESS), "verb": _Outside(_READ), **_NO_BODY},
)
"""Requests that are logged. Those that read have no body, except that sessions may, which are opened with `get` too."""
_SUBJECTS_BY_NAME: dict[str, _Events] = {
    "objectRef.apiGroup": {
        "objectRef.resource": _one_of("events"),
        "objectRef.apiGroup": _one_of("events.k8s.io"),
        **_NO_BODY,
    },
    "objectRef.name": {
        "objectRef.resource": _one_of("configmaps"),
        "objectRef.name": _one_of("aws-auth"),
        "objectRef.namespace": _one_of("kube-system"),
        "verb": _one_of("update", "patch", "delete"),
    },
}
"""Exceptions for conditions on these fields: without them, `delete` of `events` means core events, as in kubectl."""

_OTHERS = (_SHORT_REQUEST, *_LONG_REQUESTS, _TOKEN_ASKED, _PANIC)

_UNLOGGED_SUBJECTS: tuple[tuple[str, _Events, tuple[str, str]], ...] = (
    (
        "objectRef.resource",
        {"objectRef.resource": _one_of("events"), "objectRef.apiGroup": _one_of(MISSING, "")},
        (
            "EKS never logs requests for core events",
            "Drop the rule, or use the apiGroup events.k8s.io, which is logged",
        ),
    ),
    (
        "objectRef.resource",
        {"objectRef.resource": _one_of(*_BODILESS)},
        (
            "EKS logs requests for Secrets, ConfigMaps and TokenReviews without their bodies",
            "Drop the conditions on bodies: only changes of the ConfigMap aws-auth have them",
        ),
    ),
    (
        "verb",
        {"verb": _one_of(*_READ)},
        (
            "EKS logs what is only read (get, list, watch) without bodies",
            "Drop the conditions on bodies, or ask for verbs that write",
        ),
    ),
    (
        "objectRef.apiGroup",
        {"objectRef.apiGroup": _Outside(_BUILT_IN_GROUPS)},
        (
            "EKS logs custom resources, and all else outside Kubernetes' own groups, without bodies",
            "Drop the conditions on bodies",
        ),
    ),
)
"""What is not logged: each is the reason if a condition names the field and could match, were it logged."""
_UNLOGGED_KINDS: tuple[tuple[_Events, str, str], ...] = (
    (
        {STAGE: _one_of("RequestReceived"), "responseStatus.code": _AUTHENTICATED},
        "EKS logs the stage RequestReceived only for serviceaccounts/token, and without a responseStatus",
        "Drop the condition on stage",
    ),
    (
        {STAGE: _one_of("ResponseStarted"), "responseStatus.code": _AUTHENTICATED},
        "only requests that stay open (watch, exec, attach, port-forward, proxy, log) and failed authentications have "
        "the stage ResponseStarted",
        "Drop the condition on stage",
    ),
    (
        {"responseStatus.code": _one_of(401)},
        "a failed authentication (401) has one event, ResponseStarted, without user, annotations or requestObject",
        "Drop the conditions on these and on stage",
    ),
)


EXCLUDED = "its parts exclude each other: no event can meet them all", "Correct the condition"
"""Why a condition never matches that has nothing to do with EKS."""


def why_never(condition: Expression) -> tuple[str, str] | None:
    """Return why no event on EKS can match the condition, and the way out; None if one can."""
    kinds = (*_OTHERS, _UNAUTHENTICATED)
    if _contradictory(condition):
        return EXCLUDED
    if _possible(condition, kinds):
        return None
    asked = {shape(path) for path in _paths(condition)}
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
    kinds: Iterable[_Events],
    *,
    subjects: Iterable[_Events] | None = None,
    unlogged: tuple[str, ...] = _UNLOGGED_URIS,
) -> bool:
    """Return whether an event of one of these kinds, about one of these subjects, could meet the condition."""
    if subjects is None:
        asked = {shape(path) for path in _paths(condition)}
        subjects = [*_SUBJECTS, *(subject for name, subject in _SUBJECTS_BY_NAME.items() if name in asked)]
    uris: _Events = {"requestURI": _Outside(unlogged)}
    return any(
        _holds(condition, {**events, **uris}) is not False
        for kind, subject in product(kinds, subjects)
        if (events := _both(kind, subject)) is not None
    )


def _both(one: _Events, other: _Events) -> _Events | None:
    """Return the events that are of both kinds; None if the kinds exclude each other."""
    both = {**one, **other}
    for name in one.keys() & other.keys():
        first, second = one[name], other[name]
        if isinstance(first, _Outside) and isinstance(second, _Outside):
            both[name] = _Outside(first.globs + second.globs)
            continue
        if isinstance(first, _Outside):
            first, second = second, first
        assert isinstance(first, _Among)
        values = tuple(value for value in first.values if _allows(second, value))
        if not values:
            return None
        both[name] = _Among(values)
    return both


def _contradictory(condition: Expression) -> bool:
    """Return whether some field would need two values at once: `verb` both get and list, or a code over 500 and 404."""
    terms = condition.terms if isinstance(condition, And) else (condition,)
    about: dict[Path, list[Expression]] = {}
    for term in terms:
        for path in _paths(term):
            about.setdefault(path, []).append(term)
    return any(
        len(parts) > 1
        and (values := _values(path, parts))
        and all(_truth(And(tuple(parts)), partial(_given, path, value)) is False for value in values)
        for path, parts in about.items()
        if not has_wildcard(path)
    )


def _values(path: Path, terms: Iterable[Expression]) -> list[object]:
    """Return values of which one meets the terms, if any does; none if that is not known."""
    for term in terms:
        options = term.terms if isinstance(term, Or) else (term,)
        equal = [option for option in options if isinstance(option, Comparison) and option.operator is Operator.EQ]
        if len(equal) == len(options) and all(
            option.path == path and not (isinstance(option.value, str) and "*" in option.value) for option in equal
        ):
            found = [option.value for option in equal if isinstance(option.value, (str, int, float))]
            return list(found) if len(found) == len(equal) else []
    values = [leaf.value for term in terms for leaf in leaves(term) if isinstance(leaf, Comparison)]
    if shape(path) in NUMBERS and all(isinstance(value, (int, float)) for value in values):
        whole = sorted(int(value) for value in values if isinstance(value, (int, float)) and abs(value) < 10_000)
        return [MISSING, *(near for value in whole for near in (value - 1, value, value + 1))]
    return []


def _given(path: Path, value: object, leaf: Comparison | Is | NotExists) -> bool | None:
    return _answer(leaf, value) if leaf.path == path else None


def _paths(condition: Expression) -> set[Path]:
    return {leaf.path for leaf in leaves(condition) if isinstance(leaf, (Comparison, Is, NotExists))}


def _holds(condition: Expression, events: _Events) -> bool | None:
    """Return True if all events of the kind meet the condition, False if none do, and None if that is open."""
    return _truth(condition, partial(_among, events))


def _truth(condition: Expression, answer: Callable[[Comparison | Is | NotExists], bool | None]) -> bool | None:
    """Combine what is known of the comparisons; None is open."""
    match condition:
        case And(terms):
            truths = {_truth(term, answer) for term in terms}
            return False if False in truths else None if None in truths else True
        case Or(terms):
            truths = {_truth(term, answer) for term in terms}
            return True if True in truths else None if None in truths else False
        case Comparison() | Is() | NotExists():
            return answer(condition)
    return None


def _among(events: _Events, leaf: Comparison | Is | NotExists) -> bool | None:
    known = _known(leaf.path, events)
    if isinstance(known, _Among):
        answers = {_answer(leaf, value) for value in known.values}
        return answers.pop() if len(answers) == 1 else None
    if isinstance(known, _Outside) and isinstance(leaf, Comparison):
        excluded = leaf.operator is Operator.EQ and not _allows(known, leaf.value)
        return False if excluded else None
    return None


def _known(path: Path, events: _Events) -> _Among | _Outside | None:
    name = shape(path)
    if name in events:
        return events[name]
    missing = any(name.startswith(f"{parent}.") and known == _one_of(MISSING) for parent, known in events.items())
    return _one_of(MISSING) if missing else None


def _answer(condition: Comparison | Is | NotExists, value: object) -> bool:
    """Evaluate the condition on a field with this value."""
    flat: Expression
    match condition:
        case Comparison():
            flat = Comparison(("it",), condition.operator, condition.value)
        case Is():
            flat = Is(("it",), condition.constant)
        case NotExists():
            flat = NotExists(("it",))
    return predicate(flat)(b"", {} if value is MISSING else {"it": value})


def _allows(known: _Among | _Outside, value: object) -> bool:
    if isinstance(known, _Among):
        return value in known.values
    return not any(glob == value or (isinstance(glob, str) and _matches(glob, value)) for glob in known.globs)


def _matches(glob: str, value: object) -> bool:
    pattern = ".*".join(map(re.escape, glob.split("*")))
    return isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None
