"""Secrets. Their contents are never in the audit log: EKS records them as metadata only."""

from __future__ import annotations

from eks_audit_constructs.catalog.themes.secrets import changes, reads

DEFAULT = (changes.SECRET_ACCESS_DENIED,)
EXTENDED = (
    reads.SECRETS_LISTED_EVERYWHERE,
    reads.SECRETS_LISTED_IN_KUBE_SYSTEM,
    changes.SECRET_DELETED,
    reads.SECRET_READ_BY_PERSON,
    reads.SECRET_READ_BY_SCRIPT,
    changes.TOKEN_SECRET_CREATED,
)
QUERIED = (reads.SECRETS_LISTED, changes.SECRET_CHANGED, reads.SECRET_READ_BY_WORKLOAD)
QUERIES = (
    reads.HELM_RELEASES_READ,
    reads.SECRETS_ACROSS_NAMESPACES,
    reads.SECRETS_BURST,
    changes.SECRETS_DENIED_OVER_TIME,
    reads.SECRETS_FIRST_READERS,
    reads.SECRET_CLIENTS,
    changes.SECRET_HISTORY,
    changes.TOKEN_SECRET_MAKERS,
)
