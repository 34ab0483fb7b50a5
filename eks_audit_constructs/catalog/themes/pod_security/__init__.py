"""Pods that can leave their sandbox: privileged, host namespaces, host paths, capabilities.

Two ways lead there: a pod made directly, and a template from which controllers make pods. The controllers are guarded;
who wrote the template is counted, in workload_security.py.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from eks_audit_constructs.catalog.themes.pod_security.pods import (
    DANGEROUS_CAPABILITIES,
    HOST_IPC,
    HOST_NETWORK,
    HOST_PATH_MOUNTED,
    HOST_PATH_SENSITIVE,
    HOST_PID,
    POD_SECURITY_REFUSED,
    PRIVILEGED_POD,
    RUN_AS_ROOT,
    UNCONFINED_POD,
)
from eks_audit_constructs.catalog.themes.pod_security.queries import QUERIES
from eks_audit_constructs.catalog.themes.pod_security.workloads import (
    HOST_NAMESPACE_WORKLOAD,
    HOST_PATH_WORKLOAD,
    PRIVILEGED_CRON_JOB,
    PRIVILEGED_WORKLOAD,
)

__all__ = ["DEFAULT", "EXTENDED", "QUERIED", "QUERIES"]

DEFAULT = (PRIVILEGED_POD, PRIVILEGED_WORKLOAD)
EXTENDED = (
    DANGEROUS_CAPABILITIES,
    HOST_IPC,
    HOST_NAMESPACE_WORKLOAD,
    HOST_NETWORK,
    HOST_PATH_SENSITIVE,
    HOST_PID,
    PRIVILEGED_CRON_JOB,
)
QUERIED = (HOST_PATH_MOUNTED, POD_SECURITY_REFUSED, RUN_AS_ROOT, UNCONFINED_POD, HOST_PATH_WORKLOAD)
