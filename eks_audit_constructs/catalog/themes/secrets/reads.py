"""Who reads Secrets.

The log does not distinguish a list of names from a list of contents: `kubectl get secrets` is the same request as one
that reads them all.
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    BY_IAM_PRINCIPAL,
    BY_SERVICE_ACCOUNT,
    COMPLETE,
    EVENT,
    READ_VERBS,
    SUCCEEDED,
)
from eks_audit_constructs.catalog.guards import (
    API_SERVER,
    CONTROLLER_MANAGER,
    EKS_CLOUD_CONTROLLER_MANAGER,
    EKS_KMS_STORAGE_MIGRATOR,
    GARBAGE_COLLECTOR,
    KUBELETS,
    NAMESPACE_CONTROLLER,
    outside,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.conditions.expression import Expression, field

_SECRETS = field("objectRef.resource") == "secrets"
_NAME, _NAMESPACE, _AGENT = field("objectRef.name"), field("objectRef.namespace"), field("userAgent")


def _served(*verbs: str) -> Expression:
    """Match reads that were served. A watch counts when it opens: its end may be an hour away."""
    at_the_end = COMPLETE & field("verb").is_in(verb for verb in verbs if verb != "watch")
    opened = (field("stage") == "ResponseStarted") & (field("verb") == "watch")
    return EVENT & _SECRETS & SUCCEEDED & (at_the_end | opened)


_HELM_RELEASE = _NAME == "sh.helm.release.v1.*"
_SCRIPTS = _AGENT.is_in(
    ["curl/*", "Wget/*", "python*", "Python*", "OpenAPI-Generator/*", "Go-http-client/*", "axios/*", "node-fetch*"]
)

_CHANGES_READ_TOO = "A patch or an update, which answers with the whole Secret: see secret-changed."
_MOUNTED = "What a pod reads from a mounted Secret or its environment: the kubelet fetched it."
_NAMES_ONLY = "kubectl get secrets: it shows names only, but the log does not show that."
_LISTED_NEXT = (
    "Ask the principal what for. Not them: treat every listed Secret as known, renew the most powerful first, "
    "revoke the session, and follow the principal (secrets-burst, activity-by-principal)."
)

SECRET_READ_BY_PERSON = Detection(
    id="secret-read-by-person",
    title="An IAM principal read Secrets",
    severity=Severity.MEDIUM,
    condition=_served(*READ_VERBS) & BY_IAM_PRINCIPAL,
    what="A person or a pipeline that logged in through IAM read, listed or watched Secrets and was served.",
    why="People rarely need the contents of a Secret; stolen credentials of people are used to fetch just that.",
    next_steps="Ask them which Secret they needed and why. Not them: revoke the session, renew the Secrets the query "
    "names, and see where their contents were used.",
    techniques=("T1552.007",),
    grounds="One is enough where only workloads need Secrets. Raise it where people manage them by hand.",
    false_positives=(
        "Helm: it keeps its releases in Secrets, and reads them at each upgrade, list and status.",
        "GitOps or CI from outside the cluster; consoles and terminal interfaces that watch everything.",
        _NAMES_ONLY,
    ),
    blind_spots=(
        "People who log in through OIDC: their events have no ARN.",
        "A Secret read from within a pod after an exec.",
        _CHANGES_READ_TOO,
    ),
    tags=("secrets",),
)

SECRET_READ_BY_SCRIPT = Detection(
    id="secret-read-by-script",
    title="A script read Secrets",
    severity=Severity.MEDIUM,
    condition=_served(*READ_VERBS) & (_SCRIPTS | _AGENT.not_exists()),
    what="Secrets were read with curl, wget, a bare Python, Go or JavaScript client, or one that does not name itself.",
    why="kubectl, operators and Helm name themselves. A stolen token is mostly tried with what is at hand.",
    next_steps="See whose identity it was and from where. A pod: look for what does not belong in it. Unknown: "
    "revoke the token or the session, renew the Secrets.",
    techniques=("T1552.007", "T1059.013"),
    false_positives=(
        "In-house scripts and operators written in Python without a user agent of their own: give them one.",
    ),
    blind_spots=("Clients choose their name: `curl -A kubectl` is not seen.", _MOUNTED),
    tags=("secrets",),
)

SECRET_READ_BY_WORKLOAD = Detection(
    id="secret-read-by-workload",
    title="A workload read Secrets",
    severity=Severity.LOW,
    condition=_served(*READ_VERBS) & (BY_SERVICE_ACCOUNT | (field("user.username") == "system:node:*")),
    guards=(GARBAGE_COLLECTOR, KUBELETS, NAMESPACE_CONTROLLER),
    what="A service account, or a client with a node's identity that is not a kubelet, read Secrets through the API.",
    why="Most workloads get their Secrets mounted. One that asks the API can read more than its own, and so can "
    "whoever takes its token.",
    next_steps="Is it an operator that works with Secrets? Then exclude it. Otherwise find out which process asked, "
    "and narrow its role to the Secrets it needs by name.",
    commands=ranking("objectRef.namespace", count="reads"),
    techniques=("T1552.007", "T1528"),
    false_positives=(
        "Operators for certificates, external secrets, ingress, GitOps, service meshes, monitoring and backup.",
    ),
    blind_spots=(_MOUNTED, "A stolen node credential used with the user agent of a kubelet.", _CHANGES_READ_TOO),
    tags=("secrets",),
)

SECRETS_LISTED = Detection(
    id="secrets-listed",
    title="The Secrets of namespaces were listed",
    severity=Severity.LOW,
    # A list of one name, as kubelets make it, has a name in objectRef.
    condition=_served("list", "watch") & (_NAMESPACE == "*") & _NAME.not_exists(),
    guards=(NAMESPACE_CONTROLLER,),
    what="The Secrets of one namespace after another were listed or watched.",
    why="A list reads them all at once, names and contents: the way to take stock of what can be stolen.",
    next_steps=_LISTED_NEXT,
    commands=ranking("objectRef.namespace", count="lists"),
    techniques=("T1552.007", "T1613"),
    threshold=10,
    grounds="Helm lists a namespace a few times per release; a walk through the namespaces makes more.",
    false_positives=(
        "A pipeline that releases many charts at once; operators that watch some namespaces, when they start.",
        _NAMES_ONLY,
    ),
    blind_spots=("Secrets read one by one: see secrets-burst.",),
    tags=("secrets",),
)

SECRETS_LISTED_EVERYWHERE = Detection(
    id="secrets-listed-everywhere",
    title="The Secrets of all namespaces were listed",
    severity=Severity.HIGH,
    condition=_served("list", "watch") & _NAMESPACE.not_exists(),
    # The garbage collector and the quota controller read the controller manager's cache.
    guards=(API_SERVER, CONTROLLER_MANAGER, EKS_CLOUD_CONTROLLER_MANAGER, EKS_KMS_STORAGE_MIGRATOR),
    what="One request listed or watched the Secrets of the whole cluster.",
    why="Its answer holds every credential there is, tokens of service accounts and Helm's values among them.",
    next_steps=_LISTED_NEXT,
    commands=listing("requestURI"),
    techniques=("T1552.007", "T1613"),
    grounds="One is enough: the answer is complete. Exclude the operators that watch Secrets before switching it on.",
    false_positives=(
        "Operators that watch all Secrets, again at each restart: cert-manager, external-secrets, ingress controllers, "
        "GitOps, kube-state-metrics, policy engines. Exclude each by its user name.",
        "helm list -A: its requestURI has labelSelector=owner%3Dhelm.",
        _NAMES_ONLY,
    ),
    blind_spots=("A walk through the namespaces: see secrets-listed.",),
    tags=("secrets",),
)

SECRETS_LISTED_IN_KUBE_SYSTEM = Detection(
    id="secrets-listed-in-kube-system",
    title="The Secrets of kube-system were listed",
    severity=Severity.MEDIUM,
    condition=_served("list", "watch") & (_NAMESPACE == "kube-system") & _NAME.not_exists(),
    what="Someone listed or watched all Secrets of kube-system.",
    why="What is kept there belongs to the cluster itself: add-ons, controllers, their tokens and certificates.",
    next_steps=_LISTED_NEXT,
    commands=listing("requestURI"),
    techniques=("T1552.007", "T1613"),
    false_positives=(
        "Helm and GitOps that deploy add-ons there; controllers that run there and watch their own.",
        _NAMES_ONLY,
    ),
    blind_spots=("Lists over all namespaces: see secrets-listed-everywhere.",),
    tags=("secrets",),
)

_READ_BY_NAME = outside(_served(*READ_VERBS) & (_NAME == "*"), (KUBELETS,))

_WHO = "user.username, user.extra.sessionName.0"

HELM_RELEASES_READ = SavedQuery(
    id="helm-releases-read",
    title="Secrets - who read Helm releases",
    answers="Who read the Secrets in which Helm keeps its releases, and with them the values a chart was given, "
    "passwords included? Names read one by one, and lists by Helm's label.",
    condition=_served(*READ_VERBS) & (_HELM_RELEASE | (field("requestURI") == "*labelSelector=*owner%3Dhelm*")),
    commands=(
        "stats count(*) as reads, count_distinct(objectRef.name) as releases, earliest(@timestamp) as first, "
        f"latest(@timestamp) as last by {_WHO}, sourceIPs.0, userAgent, objectRef.namespace",
        "sort reads desc",
        "limit 1000",
    ),
)

SECRET_CLIENTS = SavedQuery(
    id="secrets-by-client",
    title="Secrets - with which clients they are read",
    answers="Which clients read Secrets, used by how many principals? The rare ones come first.",
    condition=_served(*READ_VERBS),
    commands=(
        "stats count(*) as reads, count_distinct(user.username) as principals, latest(user.username) as example, "
        "earliest(@timestamp) as first, latest(@timestamp) as last by userAgent",
        "sort reads asc",
        "limit 1000",
    ),
)

SECRETS_ACROSS_NAMESPACES = SavedQuery(
    id="secrets-across-namespaces",
    title="Secrets - who read them in several namespaces",
    answers="Which principals read Secrets in more than one namespace, or in all at once? Few workloads need to.",
    condition=outside(_served(*READ_VERBS), (KUBELETS,)),
    commands=(
        "fields strcontains(requestURI, '/api/v1/secrets') as everywhere",
        "stats count_distinct(objectRef.namespace) as namespaces, max(everywhere) as all_at_once, count(*) as reads, "
        f"latest(requestURI) as example by {_WHO}, sourceIPs.0, userAgent",
        "filter namespaces > 1 or all_at_once = 1",
        "sort namespaces desc",
        "limit 1000",
    ),
)

SECRETS_BURST = SavedQuery(
    id="secrets-burst",
    title="Secrets - how many a principal read",
    answers="How many different Secrets did a principal read by name within a quarter of an hour? Kubelets are left "
    "out. A handful is an operator's work, dozens are a harvest.",
    condition=_READ_BY_NAME,
    commands=(
        "fields concat(objectRef.namespace, ' ', objectRef.name) as secret",
        "stats count_distinct(secret) as secrets, count(*) as reads, latest(secret) as example "
        f"by {_WHO}, sourceIPs.0, userAgent, bin(15m) as span",
        "sort secrets desc",
        "limit 1000",
    ),
)

SECRETS_FIRST_READERS = SavedQuery(
    id="secrets-first-readers",
    title="Secrets - who read which for the first time",
    answers="When did a principal first read a Secret, in the time range? Search a month: what is new comes first.",
    condition=_READ_BY_NAME,
    commands=(
        "stats earliest(@timestamp) as first, latest(@timestamp) as last, count(*) as reads "
        f"by {_WHO}, objectRef.namespace, objectRef.name",
        "sort first desc",
        "limit 1000",
    ),
)
