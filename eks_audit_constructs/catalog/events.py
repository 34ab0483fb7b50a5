"""Building blocks for detections: conditions on audit events.

Sources: the audit.k8s.io/v1 Event (staging/src/k8s.io/apiserver/pkg/apis/audit/types.go) and the EKS audit policy.
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

from collections.abc import Sequence

from eks_audit_constructs.conditions.expression import Expression, field

EVENT = field("kind") == "Event"
"""An audit event. The log group contains other components' lines too, and a metric filter cannot select a stream."""

COMPLETE = field("stage") == "ResponseComplete"
"""The event with which every authenticated request ends: watches and execs are logged twice.

A failed authentication never gets that far; its only event has the stage ResponseStarted.
"""

SUCCEEDED = field("responseStatus.code") < 300
"""Served, not refused. Switching to another protocol (101, as exec does) counts."""

NOT_A_TRIAL = field("requestURI") != "*dryRun=*"
"""`kubectl apply --dry-run=server` changes nothing, yet is logged like a change."""

UNAUTHENTICATED = field("responseStatus.code") == 401

REFUSED_BY_AUTHORIZER = (
    COMPLETE & (field("responseStatus.code") == 403) & (field("responseStatus.message") == "*forbidden: User *")
)
"""Refused for lack of permission. Quotas and other admission plugins answer 403 too, without these words."""

WRITE_VERBS = ("create", "update", "patch", "delete", "deletecollection")
READ_VERBS = ("get", "list", "watch")

ALLOWED = EVENT & COMPLETE & SUCCEEDED
"""A request that was served."""

SESSION_OPENED = EVENT & (field("stage") == "ResponseStarted") & SUCCEEDED
"""An exec, attach, port-forward or log stream began. Its ResponseComplete is logged when it ends, maybe hours later."""

ITSELF = field("objectRef.subresource").not_exists()
"""The object itself, not its status, scale, token or another subresource."""

BY_IAM_PRINCIPAL = (field("user.extra.arn[0]") == "*") & (field("user.username") != "system:node:*")
"""Someone who logged in through IAM, and not as a node: a person or a pipeline."""

ANONYMOUS = field("user.username") == "system:anonymous"
"""A request without credentials, where such requests reach the authorizer at all."""

BY_SERVICE_ACCOUNT = field("user.username") == "system:serviceaccount:*"


def changed(*resources: str, group: str | None = None, verbs: Sequence[str] = WRITE_VERBS) -> Expression:
    """Match successful changes to resources of these kinds. Default: any API group, all write verbs."""
    condition = EVENT & COMPLETE & field("objectRef.resource").is_in(resources)
    if group is not None:
        condition &= field("objectRef.apiGroup") == group
    return condition & field("verb").is_in(verbs) & SUCCEEDED & NOT_A_TRIAL
