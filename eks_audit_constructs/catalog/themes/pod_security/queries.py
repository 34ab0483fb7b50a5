"""Questions about pods that no filter pattern can answer: which come closest to their node, and which were refused."""

from __future__ import annotations

from eks_audit_constructs.catalog.events import COMPLETE, EVENT, changed
from eks_audit_constructs.catalog.pods import (
    IMAGE,
    POD,
    POD_CREATED,
    WITH_HOST_PATH,
    WORKLOADS,
    WRITTEN,
    columns,
    privileged,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import Expression, any_of, field

PODS_REFUSED = SavedQuery(
    id="pods-refused",
    title="Pods - what admission refused",
    answers="Which pods and workloads did Pod Security, a policy or a webhook refuse, whose were they, and why?",
    condition=EVENT
    & COMPLETE
    & field("objectRef.resource").is_in(["pods", "cronjobs", *WORKLOADS])
    & (field("responseStatus.code") >= 400)
    & any_of(
        field("responseStatus.message") == words
        for words in ("*violates PodSecurity *", "*denied the request*", "*denied request:*")
    ),
    commands=(
        "stats count(*) as refused, earliest(@timestamp) as first, latest(@timestamp) as last, "
        "latest(responseStatus.message) as example by user.username, objectRef.resource, objectRef.namespace",
        "sort refused desc",
        "limit 100",
    ),
)
PODS_THAT_VIOLATE = SavedQuery(
    id="pods-that-violate",
    title="Pods - what Pod Security would refuse",
    answers="In namespaces that audit Pod Security: what would be refused if they enforced it, and why?",
    condition=changed("pods", "cronjobs", *WORKLOADS, verbs=WRITTEN),
    commands=(
        "filter ispresent(`annotations.pod-security.kubernetes.io/audit-violations`)",
        "stats count(*) as times, latest(`annotations.pod-security.kubernetes.io/audit-violations`) as example "
        "by objectRef.namespace, objectRef.resource, user.username",
        "sort times desc",
        "limit 100",
    ),
)


def _pods(id: str, title: str, answers: str, condition: Expression, *before: str, by: str) -> SavedQuery:
    """Count pods, whoever made them, by where they run and what they are."""
    return SavedQuery(
        id=id,
        title=title,
        answers=answers,
        condition=condition,
        commands=(
            *before,
            IMAGE,
            f"stats count(*) as pods, latest(responseObject.metadata.name) as example by {by}, objectRef.namespace, "
            "requestObject.metadata.ownerReferences.0.kind, image",
            "sort pods desc",
            "limit 100",
        ),
    )


PODS_THAT_ARE_PRIVILEGED = _pods(
    "pods-that-are-privileged",
    "Pods - which are privileged, whoever made them",
    "Which images run privileged, and where? Look at the list before you set an alarm on it.",
    POD_CREATED & privileged(POD, "containers", "initContainers"),
    by="user.username",
)
PODS_ON_WINDOWS_HOSTS = _pods(
    "pods-on-windows-hosts",
    "Pods - which run on Windows hosts themselves",
    "Which Windows pods have HostProcess containers, the counterpart of privileged ones, and who made them?",
    POD_CREATED
    & any_of(
        field(f"{POD}.{each}securityContext.windowsOptions.hostProcess").is_true() for each in ("", "containers[*].")
    ),
    by="user.username",
)
PODS_PINNED_TO_NODES = SavedQuery(
    id="pods-pinned-to-nodes",
    title="Pods - put on a node of choice",
    answers="Who chooses the node of a pod, past the scheduler and taints? kubectl debug of a node does so, too.",
    condition=POD_CREATED & (field("requestObject.spec.nodeName") == "*") & (field("user.username") != "system:node:*"),
    commands=listing(
        *columns(POD, "responseObject.metadata.name as pod", "requestObject.spec.nodeName as node"),
    ),
)
PODS_WITH_CAPABILITIES = _pods(
    "pods-with-capabilities",
    "Pods - which add capabilities",
    "Which capabilities are added to pods, to which images, and where? The first container that adds some is shown.",
    POD_CREATED,
    'filter @message like /"capabilities":\\{"add":\\[/',
    'parse @message /"capabilities":\\{"add":\\[(?<capabilities>[^\\]]*)\\]/',
    by="capabilities",
)
PODS_WITH_HOST_PATHS = _pods(
    "pods-with-host-paths",
    "Pods - which mount paths of their nodes",
    "Which paths of nodes are mounted, by which images, and where? The first host path of each pod is shown.",
    POD_CREATED,
    *WITH_HOST_PATH,
    by="hostPath",
)

QUERIES = (
    PODS_ON_WINDOWS_HOSTS,
    PODS_PINNED_TO_NODES,
    PODS_REFUSED,
    PODS_THAT_ARE_PRIVILEGED,
    PODS_THAT_VIOLATE,
    PODS_WITH_CAPABILITIES,
    PODS_WITH_HOST_PATHS,
)
