"""The words detections are made of: what an audit event says, and what it leaves out.

Sources: the audit.k8s.io/v1 Event (staging/src/k8s.io/apiserver/pkg/apis/audit/types.go) and the EKS audit policy.
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

from collections.abc import Sequence

from eks_audit_constructs.conditions.expression import Expression, field

EVENT = field("kind") == "Event"
"""An audit event. The group holds other components' lines too, and a filter cannot choose a stream."""

COMPLETE = field("stage") == "ResponseComplete"
"""The one event of each authenticated request that every request ends with: watches and execs are written twice.

A failed authentication never gets that far; its only event is of the stage ResponseStarted.
"""

SUCCEEDED = field("responseStatus.code") < 300
"""Done, not refused. Switching to another protocol (101, as exec does) counts."""

NOT_A_TRIAL = field("requestURI") != "*dryRun=*"
"""`kubectl apply --dry-run=server` changes nothing, yet is logged like a change."""

UNAUTHENTICATED = field("responseStatus.code") == 401

REFUSED_BY_AUTHORIZER = (
    COMPLETE & (field("responseStatus.code") == 403) & (field("responseStatus.message") == "*forbidden: User *")
)
"""Refused for want of permission. Quotas and other admission plugins answer 403 too, without these words."""

WRITE_VERBS = ("create", "update", "patch", "delete", "deletecollection")
READ_VERBS = ("get", "list", "watch")

ALLOWED = EVENT & COMPLETE & SUCCEEDED
"""A request that was served."""

SESSION_OPENED = EVENT & (field("stage") == "ResponseStarted") & SUCCEEDED
"""An exec, attach, port-forward or log stream began. Its ResponseComplete is written when it ends, hours later."""

ITSELF = field("objectRef.subresource").not_exists()
"""The object, not its status, scale, token or another part of it."""

BY_IAM_PRINCIPAL = (field("user.extra.arn[0]") == "*") & (field("user.username") != "system:node:*")
"""Someone who logged in through IAM, and not as a node: a person, a pipeline."""

ANONYMOUS = field("user.username") == "system:anonymous"
"""Nobody: a request without credentials, where those are let through to the authorizer at all."""

BY_SERVICE_ACCOUNT = field("user.username") == "system:serviceaccount:*"


def changed(*resources: str, group: str | None = None, verbs: Sequence[str] = WRITE_VERBS) -> Expression:
    """Someone changed a resource of one of these kinds, and the API server let them."""
    condition = EVENT & COMPLETE & field("objectRef.resource").is_in(resources)
    if group is not None:
        condition &= field("objectRef.apiGroup") == group
    return condition & field("verb").is_in(verbs) & SUCCEEDED & NOT_A_TRIAL
