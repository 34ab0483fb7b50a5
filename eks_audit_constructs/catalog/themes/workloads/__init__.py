"""Workloads: what is made, changed and deleted, by whom, and where."""

from __future__ import annotations

from eks_audit_constructs.catalog.themes.workloads import changes, queries

DEFAULT = ()
EXTENDED = (
    changes.CONTROLLER_SERVICE_ACCOUNT_USED,
    changes.CRON_JOB_CHANGED,
    changes.DAEMON_SET_CREATED,
    changes.KUBE_SYSTEM_POD_CREATED,
    changes.MANY_WORKLOADS_DELETED,
    changes.MASS_DELETION,
    changes.STATIC_POD_CREATED,
)
QUERIED = (
    changes.DEFAULT_NAMESPACE_POD_CREATED,
    changes.DEPLOYMENT_CREATED,
    changes.DEPLOYMENT_DELETED,
    changes.DEPLOYMENT_PATCHED,
    changes.JOB_CREATED,
    changes.STATEFUL_SET_DELETED,
)
QUERIES = queries.QUERIES
