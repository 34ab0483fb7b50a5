"""Who gets in and who does not: 401, 403 and requests without any credentials."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import (
    ALLOWED,
    ANONYMOUS,
    BY_SERVICE_ACCOUNT,
    COMPLETE,
    EVENT,
    NOT_A_TRIAL,
    REFUSED_BY_AUTHORIZER,
    UNAUTHENTICATED,
    WRITE_VERBS,
)
from eks_audit_constructs.catalog.guards import STARTING, outside
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.conditions.expression import all_of, field, message_contains

_NOT_HEALTH = all_of(field("requestURI") != f"{path}*" for path in ("/healthz", "/livez", "/readyz", "/version"))

WHO_WAS_FORBIDDEN = SavedQuery(
    id="forbidden-who",
    title="403 - who, from where, with what",
    answers="Which principals were refused, from which addresses, with which clients, and what did they want?",
    condition=outside(EVENT & REFUSED_BY_AUTHORIZER, STARTING),
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
    condition=EVENT & REFUSED_BY_AUTHORIZER,
    guards=STARTING,
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
    grounds="An expired kubeconfig retries a few times; scans and stale service accounts keep trying.",
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
    condition=ALLOWED & ANONYMOUS & _NOT_HEALTH,
    what="A request without any credentials was served, and it was not a health check.",
    why="Someone bound a role to system:anonymous or system:unauthenticated: the API is open to whoever reaches it.",
    next_steps="Find the binding (kubectl get clusterrolebindings,rolebindings -A -o wide | grep -E "
    "'anonymous|unauthenticated'), delete it, and see who made it and what was read meanwhile.",
    commands=listing("requestURI", "`annotations.authorization.k8s.io/reason` as reason"),
    techniques=("T1078.001", "T1190"),
    false_positives=("Service account issuer discovery opened to everybody on purpose (/openid/v1/jwks).",),
    tags=("access", "anonymous"),
)

FAILED_ANONYMOUS = SavedQuery(
    id="anonymous-refused",
    title="Anonymous - what was refused",
    answers="Who sends requests without credentials? Since Kubernetes 1.32 as 401, before as 403 of system:anonymous.",
    condition=EVENT & (UNAUTHENTICATED | (COMPLETE & ANONYMOUS & (field("responseStatus.code") == 403))),
    commands=(
        "stats count(*) as refused, count_distinct(requestURI) as uris, latest(requestURI) as example "
        "by responseStatus.code, sourceIPs.0, userAgent",
        "sort refused desc",
        "limit 100",
    ),
)

ANONYMOUS_REQUESTS_REFUSED = Detection(
    id="anonymous-requests-refused",
    title="Many requests without valid credentials",
    severity=Severity.LOW,
    condition=FAILED_ANONYMOUS.condition,
    what="Requests without credentials, or with invalid ones, were refused in large numbers.",
    why="The endpoint is being scanned, from the internet or from inside.",
    next_steps="See where they come from. From the internet: close the public endpoint, or limit it to your addresses. "
    "From inside: find the pod or machine; it may be compromised.",
    query=FAILED_ANONYMOUS,
    techniques=("T1595", "T1190"),
    threshold=100,
    period=15,
    grounds="A public endpoint is probed all day; a hundred requests in a quarter of an hour are deliberate.",
    false_positives=("Internet scanners on a public endpoint.", "A monitor that has lost its credentials."),
    blind_spots=(
        "Since Kubernetes 1.32 such requests are 401s, and a bad token looks the same as none: "
        "unauthorized-requests counts the same events.",
    ),
    tags=("access", "anonymous"),
)

ANONYMOUS_WORKLOAD_WRITE = Detection(
    id="anonymous-workload-write",
    title="Something was changed without credentials",
    severity=Severity.HIGH,
    condition=ALLOWED & ANONYMOUS & field("verb").is_in(WRITE_VERBS) & NOT_A_TRIAL,
    what="A request without any credentials created, changed or deleted something, such as a pod.",
    why="Whoever reaches the endpoint can run programs in the cluster. Miners look for exactly this.",
    next_steps="Delete what was made, then the binding to system:anonymous or system:unauthenticated (kubectl get "
    "clusterrolebindings,rolebindings -A -o wide). Treat the cluster as compromised: rotate what its pods could read.",
    commands=listing("objectRef.resource", "`annotations.authorization.k8s.io/reason` as reason"),
    techniques=("T1078.001", "T1610"),
    blind_spots=("A session in a pod (exec) counts only when it ends.",),
    tags=("access", "anonymous"),
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

FORBIDDEN_CREATES = Detection(
    id="forbidden-creates",
    title="Writes were refused (403)",
    severity=Severity.MEDIUM,
    condition=EVENT & field("verb").is_in(WRITE_VERBS) & REFUSED_BY_AUTHORIZER & ~ANONYMOUS,
    guards=STARTING,
    what="Someone who is logged in tried to create, change or delete things and was refused for lack of permission.",
    why="Trying to read is common, trying to write without the right is not: it is how stolen credentials are tested.",
    next_steps="See what it tried to write, and where. Ask the owner of the principal; if it was not them, revoke its "
    "sessions and look for writes that were allowed.",
    commands=ranking("verb", "objectRef.resource", "objectRef.namespace", count="refused"),
    techniques=("T1078", "T1613"),
    threshold=3,
    grounds="One or two may be the wrong namespace; a third is an attempt, or a deployment that cannot work.",
    false_positives=(
        "An operator or CI job deployed without the role it needs: it retries for ever. Fix the role.",
        "People who try a change in the wrong cluster.",
    ),
    blind_spots=("Refusals by admission: quotas, Pod Security, and grants of rights one lacks (escalation-refused).",),
    tags=("access",),
)

SERVICE_ACCOUNT_REFUSED = Detection(
    id="service-account-refused",
    title="A service account was refused again and again",
    severity=Severity.LOW,
    condition=EVENT & BY_SERVICE_ACCOUNT & REFUSED_BY_AUTHORIZER,
    what="Workloads sent requests that their service accounts are not allowed to make.",
    why="A program asks for what it needs and gets it. One that is refused often is misconfigured, or someone is "
    "trying out its stolen token.",
    next_steps="Compare address and user agent with those of the workload. If they differ, delete its pods (their "
    "tokens die with them) and see what the account was allowed to do.",
    commands=ranking("verb", "objectRef.resource", "objectRef.namespace", count="refused"),
    techniques=("T1613", "T1528"),
    threshold=20,
    grounds="A workload that is being deployed is refused a few times until its role is there.",
    false_positives=("Operators and autoscalers after an upgrade that wants new rights: they retry for ever.",),
    blind_spots=("A thief who asks fewer than 20 times in 5 minutes; see permission-enumeration.",),
    tags=("access", "service-accounts"),
)

AUTHENTICATOR_REFUSED = Detection(
    id="authenticator-refused",
    title="IAM identities were refused",
    severity=Severity.LOW,
    # Plain text, from another log stream; audit events that happen to contain the words do not count.
    condition=message_contains("access denied") & ~message_contains("audit.k8s.io"),
    what="The IAM authenticator turned clients away: the role is not mapped, or the token is not valid.",
    why="Credentials of your AWS accounts, or of others, are being tried on the cluster.",
    next_steps="Read the lines: they name the ARN, or the error of STS. If you expected it, give the role an access "
    "entry. If not, look for the principal in CloudTrail.",
    query=WHAT_THE_AUTHENTICATOR_SAID,
    techniques=("T1078.004", "T1110"),
    threshold=10,
    grounds="A forgotten kubeconfig is refused a few times; a scan or a stale pipeline keeps trying.",
    false_positives=("STS refuses for a while because of throttling. Pipelines with an expired session.",),
    blind_spots=("Needs the log type authenticator.", "Other lines of the control plane with these words count too."),
    tags=("access", "aws"),
)

REFUSED_BY_PRINCIPAL = SavedQuery(
    id="refused-by-principal",
    title="403 - by principal",
    answers="Who is refused most, for how many kinds of things, and from how many addresses?",
    condition=outside(EVENT & REFUSED_BY_AUTHORIZER, STARTING),
    commands=(
        "stats count(*) as refused, count_distinct(objectRef.resource) as kinds, "
        "count_distinct(objectRef.namespace) as namespaces, count_distinct(sourceIPs.0) as addresses, "
        "count_distinct(userAgent) as clients by user.username",
        "sort refused desc",
        "limit 100",
    ),
)

REFUSED_BY_ADDRESS = SavedQuery(
    id="refused-by-address",
    title="401 and 403 - by address",
    answers="From which addresses are requests refused, as how many principals, and for what?",
    condition=EVENT & (outside(REFUSED_BY_AUTHORIZER, STARTING) | UNAUTHENTICATED),
    commands=(
        "stats count(*) as refused, count_distinct(user.username) as principals, count_distinct(requestURI) as uris, "
        "count_distinct(userAgent) as clients, latest(requestURI) as example by sourceIPs.0, responseStatus.code",
        "sort refused desc",
        "limit 100",
    ),
)

DEFAULT = (ANONYMOUS_REQUEST_ALLOWED, FORBIDDEN_REQUESTS, UNAUTHORIZED_REQUESTS)
EXTENDED = (ANONYMOUS_WORKLOAD_WRITE, AUTHENTICATOR_REFUSED, FORBIDDEN_CREATES, SERVICE_ACCOUNT_REFUSED)
QUERIED = (ANONYMOUS_REQUESTS_REFUSED,)
QUERIES = (
    FAILED_ANONYMOUS,
    REFUSED_BY_ADDRESS,
    REFUSED_BY_PRINCIPAL,
    WHAT_THE_AUTHENTICATOR_SAID,
    WHERE_UNAUTHENTICATED,
    WHO_DOES_WHAT,
    WHO_WAS_FORBIDDEN,
    WHY_IT_WAS_DECIDED,
)
