"""Workloads whose pods can leave their sandbox: what their templates ask for, counted when someone writes one."""

from __future__ import annotations

import json

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ALLOWED, ITSELF, NOT_A_TRIAL, changed
from eks_audit_constructs.catalog.guards import (
    CRON_JOB_CONTROLLER,
    DEPLOYMENT_CONTROLLER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_KMS_STORAGE_MIGRATOR,
    GARBAGE_COLLECTOR,
)
from eks_audit_constructs.catalog.pods import (
    JOB_TEMPLATE,
    POD,
    TEMPLATE,
    WITH_HOST_PATH,
    WORKLOADS,
    WRITTEN,
    columns,
    privileged,
)
from eks_audit_constructs.catalog.query import listing
from eks_audit_constructs.conditions.expression import Expression, any_of, field

# A pattern that names all kinds has no room for exclusions. On EKS only workloads are answered with a pod template:
# custom resources are logged without their contents. A query, which searches the text, has to name the kinds.
_WRITTEN = ALLOWED & NOT_A_TRIAL & ITSELF & field("verb").is_in(WRITTEN)
_KINDS = f"filter objectRef.resource in {json.dumps(WORKLOADS)}"


def _workload(
    id: str,
    title: str,
    condition: Expression,
    severity: Severity,
    *,
    what: str,
    why: str,
    commands: tuple[str, ...] = listing(*columns(TEMPLATE, "objectRef.resource")),
    blind_spots: tuple[str, ...] = (),
) -> Detection:
    """Return a detection of templates that someone wrote, from which controllers make pods."""
    return Detection(
        id=id,
        title=title,
        severity=severity,
        condition=_WRITTEN & condition,
        # In a foreground deletion, the garbage collector patches the owner last: the response is the whole object.
        guards=(
            CRON_JOB_CONTROLLER,
            DEPLOYMENT_CONTROLLER,
            EKS_ADDON_MANAGER,
            EKS_CLUSTER_BOOTSTRAP,
            EKS_KMS_STORAGE_MIGRATOR,
            GARBAGE_COLLECTOR,
        ),
        what=what,
        why=why,
        next_steps="Compare with what you deploy. Not planned: keep its description and image, delete it, replace the "
        "nodes its pods ran on, and look at what else the principal did.",
        commands=(_KINDS, *commands),
        techniques=("T1610", "T1611", "T1543.005"),
        false_positives=(
            "Agents for networking, storage, logs or security, rolled out with Helm or GitOps: exclude that principal.",
            "Each later change of such a workload counts again: a restart, a label.",
        ),
        blind_spots=(*blind_spots, "CronJobs; and pods made directly, which have detections of their own."),
        tags=("pods", "workloads", "escape"),
    )


HOST_NAMESPACE_WORKLOAD = _workload(
    "host-namespace-workload",
    "A workload shares namespaces of its nodes",
    any_of(field(f"{TEMPLATE}.{each}").is_true() for each in ("hostIPC", "hostNetwork", "hostPID")),
    Severity.MEDIUM,
    what="Someone created or changed a workload whose pods use the processes, memory or network of their nodes.",
    why="Such pods see other pods' processes or traffic and reach the node's role: that is half of an escape.",
    commands=listing(
        *columns(TEMPLATE, "objectRef.resource"),
        *(f"{TEMPLATE}.{each}" for each in ("hostIPC", "hostNetwork", "hostPID")),
    ),
)

HOST_PATH_WORKLOAD = _workload(
    "host-path-workload",
    "A workload mounts a path of its nodes",
    field(f"{TEMPLATE}.volumes[*].hostPath.path") == "*",
    Severity.LOW,
    what="Someone created or changed a workload whose pods mount files of their nodes.",
    why="Whoever writes to the right path of a node can run there; whoever reads it finds other pods' credentials.",
    commands=(*WITH_HOST_PATH, *listing("hostPath", *columns(TEMPLATE, "objectRef.resource"))),
    blind_spots=("Which path it is: a log shipper and an intruder look the same here.",),
)

PRIVILEGED_CRON_JOB = Detection(
    id="privileged-cron-job",
    title="A CronJob was given privileged containers",
    severity=Severity.MEDIUM,
    condition=changed("cronjobs", verbs=WRITTEN) & ITSELF & privileged(JOB_TEMPLATE, "containers", "initContainers"),
    guards=(EKS_KMS_STORAGE_MIGRATOR, GARBAGE_COLLECTOR),
    what="Someone created or changed a CronJob whose pods are privileged.",
    why="It is root on a node again and again, long after the intruder's credentials are gone.",
    next_steps="Compare with what you deploy. Not planned: keep its description and image, delete it with its Jobs, "
    "and replace the nodes they ran on.",
    commands=listing(*columns(JOB_TEMPLATE, f"{POD}.schedule as schedule")),
    techniques=("T1053.007", "T1611"),
    false_positives=("Backups or clean-ups of nodes that are scheduled this way: each change to them counts again.",),
    blind_spots=("Host paths and host namespaces of CronJobs.",),
    tags=("pods", "workloads", "escape"),
)

PRIVILEGED_WORKLOAD = _workload(
    "privileged-workload",
    "A workload was given privileged containers",
    privileged(TEMPLATE, "containers", "initContainers"),
    Severity.MEDIUM,
    what="Someone created or changed a DaemonSet, Deployment, Job, StatefulSet or the like whose pods are privileged.",
    why="A privileged container is root on its node, and a DaemonSet puts one on every node there is.",
)
