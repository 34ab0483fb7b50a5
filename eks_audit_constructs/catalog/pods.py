"""Building blocks for detections of pods and of the workloads that make them.

They read the response, not the request: it includes what webhooks changed, and it is the whole object even if only a
patch was sent.
"""

from __future__ import annotations

from eks_audit_constructs.catalog.events import ITSELF, changed
from eks_audit_constructs.conditions.expression import Expression, any_of, field

POD = "responseObject.spec"
"""The spec of a pod."""

TEMPLATE = f"{POD}.template.spec"
"""The spec of a workload's pods."""

JOB_TEMPLATE = f"{POD}.jobTemplate.spec.template.spec"
"""The spec of the pods of a CronJob's Jobs."""

WORKLOADS = ("daemonsets", "deployments", "jobs", "replicasets", "replicationcontrollers", "statefulsets")
"""All kinds with a template from which a controller makes pods, except CronJobs, which make Jobs."""

WRITTEN = ("create", "update", "patch")

POD_CREATED = changed("pods", verbs=["create"]) & ITSELF

WITH_HOST_PATH = (
    'filter @message like /"hostPath":\\{/',
    'parse @message /"hostPath":\\{"path":"(?<hostPath>[^"]*)"/',
)
"""Commands for queries on host paths, whose condition alone finds any key named path. They show the first host path."""

IMAGE = 'parse @message /"containers":\\[\\{"name":"[^"]*","image":"(?<image>[^"]+)"/'
"""Command that finds the first container's image in the text, as Insights does not find all fields of big objects."""


def privileged(spec: str, *lists: str) -> Expression:
    """Match specs with a privileged container in one of these lists."""
    return any_of(field(f"{spec}.{each}[*].securityContext.privileged").is_true() for each in lists)


def columns(spec: str, *more: str) -> tuple[str, ...]:
    """Return columns of a query: these, the image of the first container, and the service account."""
    return (*more, f"{spec}.containers.0.image as image", f"{spec}.serviceAccountName as account")
