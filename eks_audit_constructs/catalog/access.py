"""Who gets in and who does not: 401, 403 and requests without any credentials."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    COMPLETE,
    EVENT,
    NOT_A_CONTROL_PLANE_START,
    REFUSED_BY_AUTHORIZER,
    SUCCEEDED,
    UNAUTHENTICATED,
)
from eks_audit_constructs.catalog.query import SavedQuery
from eks_audit_constructs.conditions.expression import all_of, field, message_contains

_ANONYMOUS = field("user.username") == "system:anonymous"
_NOT_HEALTH = all_of(field("requestURI") != f"{path}*" for path in ("/healthz", "/livez", "/readyz", "/version"))

WHO_WAS_FORBIDDEN = SavedQuery(
    id="forbidden-who",
    title="403 - who, from where, with what",
    answers="Which principals were refused, from which addresses, with which clients, and what did they want?",
    condition=EVENT & REFUSED_BY_AUTHORIZER & NOT_A_CONTROL_PLANE_START,
    commands=(
        "stats count(*) as refused, count_distinct(objectRef.resource) as kinds, count_distinct(requestURI) as uris, "
        "earliest(@timestamp) as first, latest(@timestamp) as last, latest(responseStatus.message) as example "
        "by user.username, user.extra.sessionName.0, user.extra.accessKeyId.0, sourceIPs.0, userAgent",
        "sort refused desc",
        "limit 100",
    ),
)

WHY_IT_WAS_DECIDED = SavedQuery(
    id="decisions-why",
    title="403 - why (decision and reason)",
    answers="What did the authorizer decide and for what reason; or was it admission, a quota or impersonation?",
    condition=EVENT & COMPLETE & (field("responseStatus.code") == 403),
    commands=(
        "fields @timestamp, user.username, verb, objectRef.resource, objectRef.namespace, objectRef.name, "
        "coalesce(`annotations.authorization.k8s.io/decision`, 'none: impersonation or no annotation') as decision, "
        "`annotations.authorization.k8s.io/reason` as reason, responseStatus.message",
        "sort @timestamp desc",
        "limit 1000",
    ),
)

WHERE_UNAUTHENTICATED = SavedQuery(
    id="unauthorized-where",
    title="401 - from where, with what",
    answers="From which addresses and with which clients did authentication fail, and for what? "
    "The events hold no user name: nobody was recognised.",
    condition=EVENT & UNAUTHENTICATED,
    commands=(
        "stats count(*) as failed, count_distinct(requestURI) as uris, earliest(@timestamp) as first, "
        "latest(@timestamp) as last, latest(requestURI) as example by sourceIPs.0, userAgent",
        "sort failed desc",
        "limit 100",
    ),
)

WHAT_THE_AUTHENTICATOR_SAID = SavedQuery(
    id="authenticator-refusals",
    title="401 - what the authenticator said",
    answers="Why did the IAM authenticator refuse: an unknown role, an expired token? Its log has the ARN.",
    condition=message_contains("access denied"),
    stream="authenticator-",
    commands=("fields @timestamp, @message", "sort @timestamp desc", "limit 1000"),
)

FORBIDDEN_REQUESTS = Detection(
    id="forbidden-requests",
    title="Many requests refused (403)",
    severity=Severity.MEDIUM,
    condition=EVENT & REFUSED_BY_AUTHORIZER & NOT_A_CONTROL_PLANE_START,
    what="Someone who is logged in was refused again and again for want of permission.",
    why="Stolen credentials are first tried out: what may they list, read, change?",
    next_steps="Ask the owner of the principal at the top of the query whether it was them. "
    "If not, revoke its session and look at what it was allowed to do before and after.",
    query=WHO_WAS_FORBIDDEN,
    techniques=("T1613", "T1078"),
    threshold=10,
    grounds="A typo or a console page causes a handful of refusals, a walk through the API dozens a second.",
    false_positives=(
        "A controller or CI job deployed without the role it needs: it retries for ever. Fix the role.",
        "Before Kubernetes 1.32: internet scanners on a public endpoint, as system:anonymous.",
    ),
    tags=("access",),
)

UNAUTHORIZED_REQUESTS = Detection(
    id="unauthorized-requests",
    title="Many failed authentications (401)",
    severity=Severity.MEDIUM,
    condition=EVENT & UNAUTHENTICATED,
    what="The API server could not authenticate a client, again and again.",
    why="Expired, revoked or guessed tokens are being tried, or the endpoint is being scanned.",
    next_steps="See which address and client it was. Unknown: restrict the endpoint's public access. "
    "Known: renew its credentials, and ask the authenticator's log why it refused.",
    query=WHERE_UNAUTHENTICATED,
    techniques=("T1110", "T1078.004"),
    threshold=10,
    grounds="An expired kubeconfig retries a few times; scans and stale service accounts go on.",
    false_positives=(
        "A workload that kept its service account token for more than its hour, or a CI job with an old kubeconfig.",
        "From Kubernetes 1.32 on: internet scanners on a public endpoint.",
    ),
    tags=("access",),
)

ANONYMOUS_REQUEST_ALLOWED = Detection(
    id="anonymous-request-allowed",
    title="A request without credentials was allowed",
    severity=Severity.HIGH,
    condition=EVENT & COMPLETE & _ANONYMOUS & SUCCEEDED & _NOT_HEALTH,
    what="A request without any credentials was served, and it was not a health check.",
    why="Someone bound a role to system:anonymous or system:unauthenticated: the API is open to whoever reaches it.",
    next_steps="Find the binding (kubectl get clusterrolebindings,rolebindings -A -o wide | grep -E "
    "'anonymous|unauthenticated'), delete it, and see who made it and what was read meanwhile.",
    query=SavedQuery(
        id="anonymous-allowed",
        title="Anonymous - what was allowed",
        answers="What did clients without credentials get, and from where?",
        condition=EVENT & COMPLETE & _ANONYMOUS & SUCCEEDED & _NOT_HEALTH,
        commands=(
            "fields @timestamp, verb, requestURI, responseStatus.code, sourceIPs.0, userAgent, "
            "`annotations.authorization.k8s.io/reason` as reason",
            "sort @timestamp desc",
            "limit 1000",
        ),
    ),
    techniques=("T1078.001", "T1190"),
    false_positives=("Service account issuer discovery opened to everybody on purpose (/openid/v1/jwks).",),
    tags=("access", "anonymous"),
)

FAILED_ANONYMOUS = SavedQuery(
    id="anonymous-refused",
    title="Anonymous - what was refused",
    answers="Who knocks without credentials? Since Kubernetes 1.32 as 401, before that as 403 of system:anonymous.",
    condition=EVENT & (UNAUTHENTICATED | (COMPLETE & _ANONYMOUS & (field("responseStatus.code") == 403))),
    commands=(
        "stats count(*) as refused, count_distinct(requestURI) as uris, latest(requestURI) as example "
        "by responseStatus.code, sourceIPs.0, userAgent",
        "sort refused desc",
        "limit 100",
    ),
)

WHO_DOES_WHAT = SavedQuery(
    id="activity-by-principal",
    title="Activity - who does what",
    answers="Which principals changed what in this time, and from where?",
    condition=EVENT & COMPLETE & field("verb").is_in(["create", "update", "patch", "delete", "deletecollection"]),
    commands=(
        "filter user.username not like /^system:/ or user.username like /^system:(anonymous|serviceaccount:)/",
        "stats count(*) as changes by user.username, sourceIPs.0, verb, objectRef.resource",
        "sort changes desc",
        "limit 100",
    ),
)

DETECTIONS = (ANONYMOUS_REQUEST_ALLOWED, FORBIDDEN_REQUESTS, UNAUTHORIZED_REQUESTS)
QUERIES = (
    FAILED_ANONYMOUS,
    WHAT_THE_AUTHENTICATOR_SAID,
    WHERE_UNAUTHENTICATED,
    WHO_DOES_WHAT,
    WHO_WAS_FORBIDDEN,
    WHY_IT_WAS_DECIDED,
)
