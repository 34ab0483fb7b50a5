"""Ways into containers and around them: exec, attach, port-forward, proxies, debug containers, logs."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    BY_IAM_PRINCIPAL,
    COMPLETE,
    EVENT,
    REFUSED_BY_AUTHORIZER,
    SESSION_OPENED,
    changed,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.catalog.themes.execution.commands import EXEC
from eks_audit_constructs.conditions.expression import Expression, all_of, field

_SUBRESOURCE = field("objectRef.subresource")
_WHO = "user.username, user.extra.sessionName.0"


def _sessions(*subresources: str, resource: str = "pods") -> Expression:
    return (field("objectRef.resource") == resource) & _SUBRESOURCE.is_in(subresources)


_PROXIES = field("objectRef.resource").is_in(["nodes", "pods", "services"]) & (_SUBRESOURCE == "proxy")
_MEASURED = ("metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource", "stats/summary", "healthz")
# Requests that do something name it in the query string (…/run/…?cmd=id), which could end in such a path.
_NOT_MEASURED = all_of(field("requestURI") != f"*/proxy/{path}" for path in _MEASURED) | (field("requestURI") == "*=*")

_SHELL_HIDES = "What is typed into a shell: only the command the exec began with is logged."
_NEXT = (
    "Ask the principal what they did there. Not them: revoke the session, replace the pod, renew what it could read."
)

EPHEMERAL_CONTAINER_ADDED = Detection(
    id="ephemeral-container-added",
    title="A debug container was added to a pod",
    severity=Severity.MEDIUM,
    condition=changed("pods", verbs=["update", "patch"]) & (_SUBRESOURCE == "ephemeralcontainers"),
    what="An ephemeral container was put into a running pod, as kubectl debug does.",
    why="It brings any image into the pod, shares its network and may see its processes: what a slim image lacks.",
    next_steps="Ask the principal. Look at the image and the target; it stays in the pod's list until the pod is "
    "deleted. Not planned: replace the pod, renew what it could read.",
    commands=listing(
        "requestObject.spec.ephemeralContainers.0.image as image",
        "requestObject.spec.ephemeralContainers.0.targetContainerName as target",
        "responseObject.spec.serviceAccountName as service_account",
    ),
    techniques=("T1610", "T1609"),
    false_positives=("People who debug with kubectl debug.",),
    blind_spots=("kubectl debug of a node or of a copy of the pod: those are new pods.",),
    tags=("execution", "pods"),
)

EXEC_REFUSED = Detection(
    id="exec-refused",
    title="Ways into containers were refused",
    severity=Severity.MEDIUM,
    condition=EVENT & _sessions("exec", "attach", "portforward", "ephemeralcontainers") & REFUSED_BY_AUTHORIZER,
    what="Someone who is logged in tried several times to get into pods by exec, attach, port-forward or a debug "
    "container, and was refused.",
    why="People who have access know it. Whoever tries pod after pod is looking for a way in.",
    next_steps="Ask the principal. A workload has no business there: look into its pods. Unknown: revoke the session.",
    commands=ranking("objectRef.namespace", "objectRef.subresource", count="refused"),
    techniques=("T1609",),
    threshold=3,
    grounds="One or two may be someone in the wrong cluster or context.",
    false_positives=("A developer in a cluster where few may exec; a CI job without its role.",),
    blind_spots=("Refusals by an admission webhook or policy, which are not for lack of permission.",),
    tags=("execution", "access"),
)

KUBE_SYSTEM_EXEC = Detection(
    id="kube-system-exec",
    title="Someone went into a container of kube-system",
    severity=Severity.HIGH,
    condition=SESSION_OPENED & _sessions("exec", "attach") & (field("objectRef.namespace") == "kube-system"),
    what="An exec or attach into a pod of kube-system was granted.",
    why="Its pods hold the cluster together, many with rights over all of it and some with their node's: a shell there "
    "is a short way to everything.",
    next_steps="Ask the principal at once. Not them: revoke the session, replace the pod, take the tokens of its "
    "service account and its node's role for stolen, and see what was done with them since.",
    commands=listing("objectRef.subresource", "requestURI"),
    techniques=("T1609", "T1059.013"),
    false_positives=("Administrators who debug an add-on: CoreDNS, the CNI plugin, a CSI driver.",),
    blind_spots=(_SHELL_HIDES, "Other namespaces with such pods; debug containers (ephemeral-container-added)."),
    tags=("execution", "kube-system"),
)

NODE_PROXY = Detection(
    id="node-proxy",
    title="A kubelet was reached through the API server",
    severity=Severity.MEDIUM,
    # Metrics, stats and health are fetched this way every few seconds, for example by Prometheus.
    condition=SESSION_OPENED & _sessions("proxy", resource="nodes") & _NOT_MEASURED,
    what="A request to a node's kubelet went through the API server, for something other than metrics or health.",
    why="The kubelet runs commands in its pods, lists them and reads the node's logs: no exec is logged, and "
    "admission is bypassed.",
    next_steps="Look at the path: run, exec and attach are commands, pods and configz are a look around. Ask the "
    "principal; take the right to nodes/proxy from those who only measure (nodes/metrics is enough).",
    commands=listing("requestURI"),
    techniques=("T1609", "T1613"),
    false_positives=("Monitoring and cost tools that read pods or configz; kubectl get --raw by an administrator.",),
    blind_spots=(
        "The kubelet's port reached directly: the right to nodes/proxy allows it, and it is not logged here.",
    ),
    tags=("execution", "nodes"),
)

POD_ATTACH = Detection(
    id="pod-attach",
    title="Someone attached to a container",
    severity=Severity.LOW,
    condition=SESSION_OPENED & _sessions("attach"),
    what="An attach to a running container was granted: kubectl attach, run -it, debug.",
    why="It reads what the main process prints, and types into it if that has a terminal.",
    next_steps=_NEXT,
    commands=listing("requestURI"),
    techniques=("T1609",),
    false_positives=(
        "kubectl run -it and kubectl debug end in an attach; CI runners that follow their jobs this way.",
    ),
    blind_spots=(_SHELL_HIDES,),
    tags=("execution",),
)

POD_EXEC = Detection(
    id="pod-exec",
    title="A command was run in a container",
    severity=Severity.MEDIUM,
    condition=SESSION_OPENED & EXEC,
    what="An exec into a container was granted.",
    why="Whoever is in the container has its data, its network and its service account.",
    next_steps=f"The query exec-commands shows what was run. {_NEXT}",
    commands=listing("requestURI"),
    techniques=("T1609", "T1059.013"),
    grounds="One is enough where nobody works by hand. Raise it where developers debug this way.",
    false_positives=(
        "Developers who debug; CI runners, backup hooks and operators that exec. Exclude their principal.",
    ),
    blind_spots=(
        _SHELL_HIDES,
        "Commands run by the kubelet (probes and lifecycle hooks), and those through node-proxy.",
    ),
    tags=("execution",),
)

POD_LOGS_READ = Detection(
    id="pod-logs-read",
    title="Many container logs were read",
    severity=Severity.LOW,
    condition=SESSION_OPENED & _sessions("log") & BY_IAM_PRINCIPAL,
    what="IAM principals opened the logs of many containers in a quarter of an hour.",
    why="Logs hold names, addresses and often tokens; reading those of all pods is a way to look around.",
    next_steps="See whose logs, in which namespaces. Not the reader's own: ask why, and renew tokens found in them.",
    commands=ranking("objectRef.namespace", count="streams"),
    techniques=("T1613", "T1552.007"),
    threshold=100,
    period=15,
    grounds="A person opens a few; a tail over a deployment opens one per container, rarely a hundred.",
    false_positives=("Tools that tail all pods of a namespace, in a terminal or a pipeline.",),
    blind_spots=("Logs shipped elsewhere and read there; people who log in through OIDC.",),
    tags=("execution",),
)

POD_OR_SERVICE_PROXY = Detection(
    id="pod-or-service-proxy",
    title="A pod or Service was reached through the API server",
    severity=Severity.LOW,
    condition=SESSION_OPENED & (_sessions("proxy") | _sessions("proxy", resource="services")),
    what="A request to a pod or Service went through the API server's proxy.",
    why="It bypasses network policies and the load balancer's checks, and reaches what was never meant to be reached: "
    "dashboards, admin ports, databases with an HTTP API.",
    next_steps="See what was requested, from which server. Not planned: ask the principal, take pods/proxy and "
    "services/proxy out of their role, and protect the server itself.",
    commands=ranking("objectRef.namespace", "objectRef.name", count="requests"),
    techniques=("T1090",),
    threshold=5,
    grounds="A page of a dashboard is dozens of requests, a health check is one.",
    false_positives=("Dashboards opened with kubectl proxy; monitoring that scrapes Services this way.",),
    tags=("execution", "network"),
)

PORT_FORWARD = Detection(
    id="port-forward",
    title="A port of a pod was forwarded",
    severity=Severity.LOW,
    condition=SESSION_OPENED & _sessions("portforward"),
    what="A tunnel to a port of a pod was granted, as kubectl port-forward opens it.",
    why="It goes past network policies, ingress and their logs, straight to a database or an admin port.",
    next_steps="Which pod, and who? Ask the principal. Not them: revoke the session, renew what the server holds.",
    commands=listing("requestURI"),
    techniques=("T1572",),
    false_positives=("Developers; tools that tunnel to their own server component.",),
    blind_spots=("What went through the tunnel; kubectl does not even name the port in its request.",),
    tags=("execution", "network"),
)

EXECS_BY_PRINCIPAL = SavedQuery(
    id="execs-by-principal",
    title="Execution - who goes into containers",
    answers="Who opened how many execs, attaches and port-forwards, into how many pods, from where?",
    condition=SESSION_OPENED & _sessions("exec", "attach", "portforward"),
    commands=(
        "stats count(*) as sessions, count_distinct(objectRef.name) as pods, earliest(@timestamp) as first, "
        f"latest(@timestamp) as last, latest(requestURI) as example by {_WHO}, sourceIPs.0, userAgent, "
        "objectRef.subresource, objectRef.namespace",
        "sort sessions desc",
        "limit 1000",
    ),
)

EXECS_BY_POD = SavedQuery(
    id="execs-by-pod",
    title="Execution - into which pods",
    answers="Into which pods did people and workloads go, how many of them, and when last?",
    condition=SESSION_OPENED & _sessions("exec", "attach", "portforward"),
    commands=(
        "stats count(*) as sessions, count_distinct(user.username) as principals, latest(user.username) as who, "
        "latest(@timestamp) as last by objectRef.namespace, objectRef.name, objectRef.subresource",
        "sort sessions desc",
        "limit 1000",
    ),
)

EXEC_SESSION_LENGTH = SavedQuery(
    id="exec-session-length",
    title="Execution - how long sessions lasted",
    answers="How long did each exec, attach and port-forward last? One with a single event has not ended in the time "
    "range, or began before it.",
    condition=EVENT & _sessions("exec", "attach", "portforward") & (field("responseStatus.code") < 300),
    commands=(
        "fields toMillis(@timestamp) as at",
        "stats count(*) as events, min(at) as opened, max(at) as closed, (closed - opened) / 1000 as seconds, "
        "latest(user.username) as who, latest(objectRef.namespace) as namespace, latest(objectRef.name) as pod, "
        "latest(requestURI) as request by auditID",
        "sort seconds desc",
        "limit 1000",
    ),
)

PROXIES_BY_PRINCIPAL = SavedQuery(
    id="proxies-by-principal",
    title="Execution - who uses the API server as a proxy",
    answers="Who reached nodes, pods and Services through the API server, how often, and was it granted? "
    "Metrics are included; scraping them does not need nodes/proxy.",
    condition=EVENT & COMPLETE & _PROXIES,
    commands=(
        "stats count(*) as requests, count_distinct(objectRef.name) as targets, latest(requestURI) as example, "
        f"latest(@timestamp) as last by {_WHO}, sourceIPs.0, userAgent, objectRef.resource, objectRef.namespace, "
        "responseStatus.code",
        "sort requests desc",
        "limit 1000",
    ),
)
