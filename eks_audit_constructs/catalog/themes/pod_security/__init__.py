"""Pods that can leave their sandbox: privileged, host namespaces, host paths, capabilities.

Two ways lead there: a pod made directly, and a template from which controllers make pods. The controllers are guarded;
who wrote the template is counted, in workload_security.py.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from eks_audit_constructs.catalog.themes.pod_security import pods, queries, workloads

DEFAULT = (pods.PRIVILEGED_POD, workloads.PRIVILEGED_WORKLOAD)
EXTENDED = (
    pods.DANGEROUS_CAPABILITIES,
    pods.HOST_IPC,
    workloads.HOST_NAMESPACE_WORKLOAD,
    pods.HOST_NETWORK,
    pods.HOST_PATH_SENSITIVE,
    pods.HOST_PID,
    workloads.PRIVILEGED_CRON_JOB,
)
QUERIED = (
    pods.HOST_PATH_MOUNTED,
    pods.POD_SECURITY_REFUSED,
    pods.RUN_AS_ROOT,
    pods.UNCONFINED_POD,
    workloads.HOST_PATH_WORKLOAD,
)
QUERIES = queries.QUERIES
