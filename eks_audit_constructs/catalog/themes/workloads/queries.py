"""Questions about workloads: which images, by whom, and what went away."""

from __future__ import annotations

from eks_audit_constructs.catalog.events import ALLOWED, ITSELF, NOT_A_TRIAL, changed
from eks_audit_constructs.catalog.guards import (
    CRON_JOB_CONTROLLER,
    DEPLOYMENT_CONTROLLER,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    TTL_CONTROLLER,
    WORKLOAD_CONTROLLERS,
    outside,
)
from eks_audit_constructs.catalog.pods import IMAGE, POD_CREATED, WORKLOADS, WRITTEN
from eks_audit_constructs.catalog.query import SavedQuery, listing, ranking
from eks_audit_constructs.conditions.expression import field

# An image without a registry's name is from Docker Hub. A registry has a dot or a port, or is localhost.
_REGISTRY = r"parse image /^(?<named>[^\/]*[.:][^\/]*|localhost)\//"

DELETIONS_BY_PRINCIPAL = SavedQuery(
    id="deletions-by-principal",
    title="Workloads - who deleted what",
    answers="Which principals deleted objects, of which kinds, how many, and since when? Evictions are not included.",
    condition=outside(
        ALLOWED & field("verb").is_in(["delete", "deletecollection"]) & NOT_A_TRIAL,
        (GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER, *WORKLOAD_CONTROLLERS),
    ),
    commands=ranking("verb", "objectRef.resource", "objectRef.namespace", count="deleted"),
)
IMAGES_BY_REGISTRY = SavedQuery(
    id="images-by-registry",
    title="Workloads - images by registry",
    answers="From which registries do images come, including public ones? The first container of each new pod counts.",
    condition=POD_CREATED,
    commands=(
        IMAGE,
        _REGISTRY,
        "fields coalesce(named, 'docker.io, not named') as registry",
        "stats count(*) as pods, count_distinct(image) as images, count_distinct(objectRef.namespace) as namespaces, "
        "latest(image) as example by registry",
        "sort pods desc",
        "limit 100",
    ),
)
IMAGES_NOT_PINNED = SavedQuery(
    id="images-not-pinned",
    title="Workloads - images without a fixed version",
    answers="Which workloads run an image by latest or without a tag, so that what runs can change by itself?",
    condition=changed(*WORKLOADS, verbs=WRITTEN) & ITSELF,
    commands=(
        # In the first container: tagged latest, or nothing but a path after the registry.
        r'filter @message like /"containers":\[\{"name":"[^"]*","image":"(?:[^"]*:latest|(?:[^"\/]*\/)?[^":@]*)"/',
        IMAGE,
        "stats count(*) as changes, latest(user.username) as principal "
        "by image, objectRef.namespace, objectRef.resource, objectRef.name",
        "sort changes desc",
        "limit 1000",
    ),
)
IMAGES_FIRST_SEEN = SavedQuery(
    id="images-first-seen",
    title="Workloads - images by when they were first seen",
    answers="Which images are new in this time? The latest first; search a month to know what is old.",
    condition=POD_CREATED,
    commands=(
        IMAGE,
        "stats earliest(@timestamp) as first, count(*) as pods, latest(objectRef.namespace) as namespace, "
        "earliest(user.username) as principal by image",
        "sort first desc",
        "limit 100",
    ),
)
PODS_BY_SERVICE_ACCOUNT = SavedQuery(
    id="pods-by-service-account",
    title="Workloads - pods by service account",
    answers="Which service accounts do pods run as, and which images get their rights?",
    condition=POD_CREATED,
    commands=(
        IMAGE,
        "stats count(*) as pods, count_distinct(image) as images, latest(image) as example "
        "by objectRef.namespace, responseObject.spec.serviceAccountName",
        "sort pods desc",
        "limit 1000",
    ),
)
PODS_CREATED_OVER_TIME = SavedQuery(
    id="pods-created-over-time",
    title="Workloads - new pods an hour",
    answers="How many pods were made when, and where? A jump is a roll-out, a crash loop, or a miner.",
    condition=POD_CREATED,
    commands=("stats count(*) as pods by bin(1h) as hour, objectRef.namespace", "sort hour desc", "limit 10000"),
)
PODS_MADE_DIRECTLY = SavedQuery(
    id="pods-made-directly",
    title="Workloads - pods not made by a controller",
    answers="Who makes pods directly, where, and from which images? Exclude them before you add an alarm on such pods.",
    condition=outside(POD_CREATED, WORKLOAD_CONTROLLERS),
    commands=(IMAGE, *ranking("objectRef.namespace", "image", count="pods")),
)
ROLLOUTS = SavedQuery(
    id="rollouts",
    title="Workloads - what was rolled out",
    answers="Who rolled out which image, when and where?",
    condition=outside(
        changed("cronjobs", "daemonsets", "deployments", "statefulsets", verbs=WRITTEN) & ITSELF, (GARBAGE_COLLECTOR,)
    ),
    commands=listing(
        "objectRef.resource",
        "coalesce(responseObject.spec.template.spec.containers.0.image, "
        "responseObject.spec.jobTemplate.spec.template.spec.containers.0.image) as image",
        "responseObject.metadata.generation as generation",
    ),
)
SCALE_CHANGES = SavedQuery(
    id="scale-changes",
    title="Workloads - who scaled what",
    answers="Who scaled which workload, and to how many pods?",
    condition=changed(*WORKLOADS, verbs=["patch", "update"]) & (field("objectRef.subresource") == "scale"),
    commands=listing("objectRef.resource", "coalesce(requestObject.spec.replicas, 0) as replicas"),
)
WORKLOADS_BY_PRINCIPAL = SavedQuery(
    id="workloads-by-principal",
    title="Workloads - who makes and changes them",
    answers="Which principals create, change and delete workloads, of which kinds, and where?",
    condition=outside(
        changed("cronjobs", *WORKLOADS) & ITSELF,
        (CRON_JOB_CONTROLLER, DEPLOYMENT_CONTROLLER, GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER, TTL_CONTROLLER),
    ),
    commands=ranking("verb", "objectRef.resource", "objectRef.namespace", count="changes"),
)

QUERIES = (
    DELETIONS_BY_PRINCIPAL,
    IMAGES_BY_REGISTRY,
    IMAGES_FIRST_SEEN,
    IMAGES_NOT_PINNED,
    PODS_BY_SERVICE_ACCOUNT,
    PODS_CREATED_OVER_TIME,
    PODS_MADE_DIRECTLY,
    ROLLOUTS,
    SCALE_CHANGES,
    WORKLOADS_BY_PRINCIPAL,
)
