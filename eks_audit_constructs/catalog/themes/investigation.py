"""Questions for an investigation: who did what, how much of it, and what is new."""

from __future__ import annotations

from eks_audit_constructs.catalog.events import ALLOWED, COMPLETE, EVENT, NOT_A_TRIAL, READ_VERBS, WRITE_VERBS
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.conditions.expression import field

_BY_PEOPLE = "filter user.username not like /^system:/ or user.username like /^system:(anonymous|serviceaccount:)/"
_WRITTEN = ALLOWED & field("verb").is_in(WRITE_VERBS) & NOT_A_TRIAL

QUERIES = (
    SavedQuery(
        id="activity-by-address",
        title="Activity - where requests come from",
        answers="Which addresses were used by which principals, how often, since when and until when?",
        condition=EVENT & COMPLETE,
        commands=(
            _BY_PEOPLE,
            "stats count(*) as requests, count_distinct(userAgent) as clients, earliest(@timestamp) as first, "
            "latest(@timestamp) as last by sourceIPs.0, user.username",
            "sort requests desc",
            "limit 200",
        ),
    ),
    SavedQuery(
        id="activity-by-hour",
        title="Activity - who works when",
        answers="Which principals were active in which hour? Work at night stands out.",
        condition=EVENT & COMPLETE,
        commands=(
            _BY_PEOPLE,
            "stats count(*) as requests by bin(1h) as hour, user.username",
            "sort hour desc",
            "limit 10000",
        ),
    ),
    SavedQuery(
        id="changes-over-time",
        title="Activity - changes an hour, by kind",
        answers="How much was changed when, and of what kind?",
        condition=_WRITTEN,
        commands=(
            _BY_PEOPLE,
            "stats count(*) as changes by bin(1h) as hour, objectRef.resource",
            "sort hour desc",
            "limit 10000",
        ),
    ),
    SavedQuery(
        id="changes-in-kube-system",
        title="Activity - changes in kube-system",
        answers="Who other than Kubernetes' own identities changed what in kube-system?",
        condition=_WRITTEN & (field("objectRef.namespace") == "kube-system"),
        commands=(
            _BY_PEOPLE,
            "stats count(*) as changes, latest(objectRef.name) as example, latest(@timestamp) as last "
            "by user.username, sourceIPs.0, verb, objectRef.resource",
            "sort changes desc",
            "limit 200",
        ),
    ),
    SavedQuery(
        id="first-seen-principals",
        title="Activity - principals by when they were first seen",
        answers="Which principals appear for the first time within the range searched? Search a month, read the top.",
        condition=EVENT & COMPLETE,
        commands=(
            "stats earliest(@timestamp) as first, latest(@timestamp) as last, count(*) as requests, "
            "latest(sourceIPs.0) as address, latest(userAgent) as client by user.username",
            "sort first desc",
            "limit 200",
        ),
    ),
    SavedQuery(
        id="multi-resource-recon",
        title="Activity - one principal lists many kinds",
        answers="Who listed many kinds of objects within a minute? Reconnaissance begins like this.",
        condition=ALLOWED & field("verb").is_in(READ_VERBS),
        commands=(
            _BY_PEOPLE,
            "stats count_distinct(objectRef.resource) as kinds, count_distinct(objectRef.namespace) as namespaces, "
            "count(*) as requests by bin(1m) as minute, user.username, sourceIPs.0, userAgent",
            "filter kinds >= 5",
            "sort kinds desc",
            "limit 100",
        ),
    ),
    SavedQuery(
        id="rbac-then-workload",
        title="Activity - rights changed and workloads made together",
        answers="Who changed RBAC and made or changed workloads within the same ten minutes? The events show the "
        "order.",
        condition=_WRITTEN
        & field("objectRef.resource").is_in(
            [
                "clusterrolebindings",
                "clusterroles",
                "cronjobs",
                "daemonsets",
                "deployments",
                "pods",
                "rolebindings",
                "roles",
            ]
        ),
        commands=(
            _BY_PEOPLE,
            'fields strcontains(requestURI, "/rbac.authorization.k8s.io/") as right, 1 - right as workload',
            "stats sum(right) as rights, sum(workload) as workloads, latest(requestURI) as example "
            "by bin(10m) as time, user.username, sourceIPs.0",
            "filter rights > 0 and workloads > 0",
            "sort time desc",
            "limit 100",
        ),
    ),
)

DEFAULT = ()
EXTENDED = ()
QUERIED = ()
