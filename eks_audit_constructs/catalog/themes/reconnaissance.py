"""Looking around: what may I do, and what is there? Tools and habits of testers and intruders."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    ALLOWED,
    ANONYMOUS,
    BY_IAM_PRINCIPAL,
    BY_SERVICE_ACCOUNT,
    COMPLETE,
    EVENT,
    UNAUTHENTICATED,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.conditions.expression import field

PERMISSIONS_SELF_REVIEWED = Detection(
    id="permissions-self-reviewed",
    title="Someone asked many times what they may do",
    severity=Severity.LOW,
    condition=ALLOWED & field("objectRef.resource").is_in(["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
    what="Someone asked the API server again and again what they may do, as kubectl auth can-i does.",
    why="Whoever has found credentials asks first what they are good for.",
    next_steps="See who asked, and with which client. A dashboard: exclude its user agent. Otherwise ask the owner of "
    "the principal, and look at what it did next.",
    commands=ranking("objectRef.resource", count="reviews"),
    techniques=("T1069", "T1613"),
    threshold=30,
    grounds="A person asks a few times. Tools that try every verb on every resource ask hundreds of times.",
    false_positives=("Dashboards and terminal consoles ask for each view they open. Operators ask when they start.",),
    blind_spots=(
        "A single list of all rights: service-account-rules-reviewed looks for that where it is unusual.",
        "kubectl auth whoami, which is another kind of review.",
    ),
    tags=("access", "discovery"),
)

SERVICE_ACCOUNT_RULES_REVIEWED = Detection(
    id="service-account-rules-reviewed",
    title="A service account listed its own permissions",
    severity=Severity.MEDIUM,
    condition=ALLOWED & (field("objectRef.resource") == "selfsubjectrulesreviews") & BY_SERVICE_ACCOUNT,
    what="The token of a service account was used to list all that it may do (kubectl auth can-i --list).",
    why="Programs know what they need. It is people who list the rights of a token, above all of one they found in a "
    "pod.",
    next_steps="Compare address and user agent with those of the workload. If they differ, delete its pods (their "
    "tokens die with them) and see what else the account did.",
    commands=listing("requestObject.spec.namespace as about"),
    techniques=("T1069", "T1528"),
    false_positives=("Web consoles that act with their own service account, or that people log in to with a token.",),
    tags=("access", "service-accounts", "discovery"),
)

OFFENSIVE_CLIENT = Detection(
    id="offensive-client",
    title="A client has the name of an attack tool",
    severity=Severity.HIGH,
    condition=EVENT
    & (COMPLETE | UNAUTHENTICATED)
    & field("userAgent").is_in(
        (
            "*stratus-red-team*",
            "*kube-hunter*",
            "*kubeletctl*",
            "*peirates*",
            "*kdigger*",
            "*kubesploit*",
            "*kubestriker*",
            "*rbac-police*",
            "*rakkess*",
            "*access_matrix*",
            "*access-matrix*",
            "*TruffleHog*",
            "*trufflehog*",
            "*kali*",
        )
    ),
    what="A request came from a client with the name of a tool for testing or attacking clusters.",
    why="Such tools are run by testers you know of, or by intruders who did not care to hide.",
    next_steps="Ask whether a test was announced. If not: revoke the principal's sessions, and look at all that it "
    "and its address did.",
    commands=ranking("responseStatus.code"),
    techniques=("T1059.013", "T1613"),
    false_positives=("Announced tests. Secret scanners and permission viewers that your own people run.",),
    blind_spots=("Clients choose their name: most attackers use kubectl, or change it.",),
    tags=("access", "tools"),
)

BARE_HTTP_CLIENT = Detection(
    id="bare-http-client",
    title="The API was called by curl or a script",
    severity=Severity.LOW,
    condition=EVENT
    & COMPLETE
    & (BY_IAM_PRINCIPAL | BY_SERVICE_ACCOUNT)
    & field("userAgent").is_in(("curl/*", "Wget/*", "HTTPie/*", "python-requests/*", "Python-urllib/*")),
    what="Someone logged in to the API server with a general HTTP client instead of a Kubernetes client.",
    why="An intruder in a pod has curl and the pod's token before anything else.",
    next_steps="See whose token it was and what it asked for. If the workload has no such script, delete its pods and "
    "find out how someone got in.",
    commands=ranking("verb", "objectRef.resource", "responseStatus.code"),
    techniques=("T1059.013", "T1528"),
    false_positives=("Init containers, health checks and pipelines that call the API with curl. Exclude them.",),
    blind_spots=("Clients choose their name, and an intruder may bring kubectl.",),
    tags=("access", "tools"),
)

PERMISSION_ENUMERATION = SavedQuery(
    id="permission-enumeration",
    title="403 - who tries everything",
    answers="Who asked for many different things from one address, and was allowed some and refused others?",
    condition=EVENT & COMPLETE & (BY_IAM_PRINCIPAL | BY_SERVICE_ACCOUNT),
    commands=(
        'fields strcontains(responseStatus.message, "forbidden: User ") as refusal',
        "stats count(*) as requests, sum(refusal) as refused, count_distinct(objectRef.resource) as kinds, "
        "count_distinct(requestURI) as uris by user.username, sourceIPs.0, userAgent",
        "filter refused > 0 and refused < requests and kinds > 3 and uris > 5",
        "sort refused desc",
        "limit 100",
    ),
)

ANONYMOUS_ENUMERATION = SavedQuery(
    id="anonymous-enumeration",
    title="Anonymous - who tries everything",
    answers="Which addresses asked for many different things without credentials, and were any of them served?",
    condition=EVENT & (UNAUTHENTICATED | (COMPLETE & ANONYMOUS)),
    commands=(
        "stats count(*) as requests, count_distinct(requestURI) as uris, count_distinct(objectRef.resource) as kinds, "
        "min(responseStatus.code) as best_answer, latest(requestURI) as example by sourceIPs.0, userAgent",
        "filter uris > 5 and kinds > 3",
        "sort requests desc",
        "limit 100",
    ),
)

NEW_USER_AGENTS = SavedQuery(
    id="new-user-agents",
    title="Access - new clients",
    answers="Which principals have used which clients, the newest pair first? Search some weeks: what first appears at "
    "the end is new.",
    condition=EVENT & COMPLETE & (BY_IAM_PRINCIPAL | BY_SERVICE_ACCOUNT),
    commands=(
        "stats earliest(@timestamp) as first_seen, latest(@timestamp) as last_seen, count(*) as requests, "
        "count_distinct(sourceIPs.0) as addresses by user.username, userAgent",
        "sort first_seen desc",
        "limit 100",
    ),
)

DEFAULT: tuple[Detection, ...] = ()
EXTENDED = (OFFENSIVE_CLIENT, SERVICE_ACCOUNT_RULES_REVIEWED)
QUERIED = (BARE_HTTP_CLIENT, PERMISSIONS_SELF_REVIEWED)
QUERIES = (ANONYMOUS_ENUMERATION, NEW_USER_AGENTS, PERMISSION_ENUMERATION)
