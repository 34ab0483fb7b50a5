"""The words detections of pods and of what makes pods are made of.

What is read is the response, not the request: it has what webhooks changed, and it is the whole object also where only
a patch was sent.
"""

from __future__ import annotations

from eks_audit_constructs.catalog.events import ITSELF, changed
from eks_audit_constructs.conditions.expression import Expression, any_of, field

POD = "responseObject.spec"
"""What a pod is to be."""

TEMPLATE = f"{POD}.template.spec"
"""What the pods of a workload are to be."""

JOB_TEMPLATE = f"{POD}.jobTemplate.spec.template.spec"
"""What the pods of a CronJob's Jobs are to be."""

WORKLOADS = ("daemonsets", "deployments", "jobs", "replicasets", "replicationcontrollers", "statefulsets")
"""All kinds with a template from which a controller makes pods, except CronJobs, which make Jobs."""

WRITTEN = ("create", "update", "patch")

POD_CREATED = changed("pods", verbs=["create"]) & ITSELF

WITH_HOST_PATH = (
    'filter @message like /"hostPath":\\{/',
    'parse @message /"hostPath":\\{"path":"(?<hostPath>[^"]*)"/',
)
"""Commands for the query of a condition on host paths, which by itself finds any key named path. Shows the first."""

IMAGE = 'parse @message /"containers":\\[\\{"name":"[^"]*","image":"(?<image>[^"]+)"/'
"""Command that finds the image of the first container in the text: of big objects Insights does not know all fields."""


def privileged(spec: str, *lists: str) -> Expression:
    """Some container of one of these lists is privileged."""
    return any_of(field(f"{spec}.{each}[*].securityContext.privileged").is_true() for each in lists)


def columns(spec: str, *more: str) -> tuple[str, ...]:
    """Columns of a query: these, the image of the first container, and the service account."""
    return (*more, f"{spec}.containers.0.image as image", f"{spec}.serviceAccountName as account")
