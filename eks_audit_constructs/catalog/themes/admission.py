"""What guards the API: webhooks, policies, quotas, namespaces, new kinds of objects."""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ITSELF, changed
from eks_audit_constructs.catalog.guards import (
    API_SERVER,
    EKS_ADDON_MANAGER,
    EKS_CLUSTER_BOOTSTRAP,
    EKS_SERVICE_ROLE,
    GARBAGE_COLLECTOR,
    NAMESPACE_CONTROLLER,
    outside,
)
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import field

_GROUP = "admissionregistration.k8s.io"
_EKS = (EKS_ADDON_MANAGER, EKS_CLUSTER_BOOTSTRAP, EKS_SERVICE_ROLE)
_WEBHOOKS = changed("mutatingwebhookconfigurations", "validatingwebhookconfigurations", group=_GROUP)

WEBHOOK_CHANGES = SavedQuery(
    id="admission-webhook-changes",
    title="Admission - changes to webhooks",
    answers="Who changed a validating or mutating webhook? It sees, and may alter, all that is written.",
    condition=outside(_WEBHOOKS, _EKS),
    commands=listing(
        "objectRef.resource",
        "requestObject.webhooks.0.clientConfig.url as url",
        "requestObject.webhooks.0.clientConfig.service.namespace as service_namespace",
        "requestObject.webhooks.0.clientConfig.service.name as service",
    ),
)

ADMISSION_WEBHOOK_CHANGED = Detection(
    id="admission-webhook-changed",
    title="An admission webhook was changed",
    severity=Severity.MEDIUM,
    condition=_WEBHOOKS,
    guards=_EKS,
    what="A validating or mutating webhook was registered, changed or deleted.",
    why="A mutating webhook may put a container into every new pod and read what is written; a deleted one may have "
    "been all that kept privileged pods out.",
    next_steps="See where it calls (the query shows the Service or URL) and compare with what you deploy. Not planned: "
    "delete it, or restore the one that is gone, and list what was created meanwhile.",
    query=WEBHOOK_CHANGES,
    techniques=("T1546", "T1685"),
    false_positives=(
        "cert-manager's CA injector and operators that renew the certificate in their own webhook.",
        "Policy engines that rewrite their webhooks when a policy changes. Exclude their accounts.",
    ),
    tags=("admission",),
)

ADMISSION_POLICY_CHANGED = Detection(
    id="admission-policy-changed",
    title="An admission policy was changed",
    severity=Severity.MEDIUM,
    condition=changed(
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        group=_GROUP,
    )
    & ITSELF,
    guards=(API_SERVER, *_EKS),
    what="A validating or mutating admission policy, or the binding that puts it to work, was changed.",
    why="These policies run inside the API server and decide what may be created. Deleting a binding switches one off.",
    next_steps="Compare with the policies you deploy. Not planned: restore it, and list what was created meanwhile.",
    commands=listing("objectRef.resource", "responseObject.spec.policyName as policy"),
    techniques=("T1685",),
    false_positives=("Deployments of policies by Helm or GitOps.",),
    tags=("admission",),
)

API_SERVICE_CHANGED = Detection(
    id="api-service-changed",
    title="An aggregated API was changed",
    severity=Severity.MEDIUM,
    condition=changed("apiservices", group="apiregistration.k8s.io") & ITSELF,
    guards=(API_SERVER, GARBAGE_COLLECTOR, *_EKS),
    what="An APIService was created, changed or deleted by someone other than the API server.",
    why="The API server forwards a whole API group, with the caller's identity, to the Service it names.",
    next_steps="See which group and Service it names. Not planned: delete it, and see whose requests went through it.",
    commands=listing(
        "responseObject.spec.service.namespace as service_namespace", "responseObject.spec.service.name as service"
    ),
    techniques=("T1557",),
    false_positives=("Installing or upgrading metrics-server, KEDA and other adapters.",),
    tags=("admission",),
)

CUSTOM_RESOURCE_DEFINITION_CHANGED = Detection(
    id="custom-resource-definition-changed",
    title="A custom resource definition was changed",
    severity=Severity.LOW,
    condition=changed("customresourcedefinitions", group="apiextensions.k8s.io") & ITSELF,
    guards=(API_SERVER, GARBAGE_COLLECTOR, *_EKS),
    what="A CustomResourceDefinition was created, changed or deleted.",
    why="Deleting one deletes every object of its kind. A new one brings a controller that acts on what others write.",
    next_steps="A delete by a person: ask at once whether it was meant, and restore from the last backup. "
    "A new one: see which controller came with it and what it may do.",
    techniques=("T1485",),
    false_positives=("Installing or upgrading operators; cert-manager renewing the CA of a conversion webhook.",),
    tags=("admission",),
)

GUARDRAIL_REMOVED = Detection(
    id="guardrail-removed",
    title="A quota, limit or disruption budget was removed",
    severity=Severity.LOW,
    condition=changed("limitranges", "poddisruptionbudgets", "resourcequotas", verbs=["delete", "deletecollection"]),
    guards=(GARBAGE_COLLECTOR, NAMESPACE_CONTROLLER),
    what="A ResourceQuota, LimitRange or PodDisruptionBudget was deleted, and not with its namespace.",
    why="They keep one tenant from taking the whole cluster, and a drain from taking a service down.",
    next_steps="Ask the principal. Not planned: restore it, and look at what was started in the namespace since.",
    commands=listing("objectRef.resource"),
    techniques=("T1685",),
    false_positives=("Uninstalling a release with Helm or GitOps.",),
    tags=("admission",),
)

NAMESPACE_CREATED = Detection(
    id="namespace-created",
    title="A namespace was created",
    severity=Severity.LOW,
    condition=changed("namespaces", verbs=["create"]) & ITSELF,
    guards=(API_SERVER, *_EKS),
    what="A namespace was created.",
    why="Quotas, network policies and admission rules that name namespaces do not reach a new one.",
    next_steps="See whose it is and whether your defaults (quota, network policy, Pod Security labels) are there.",
    techniques=("T1610",),
    false_positives=("Teams and pipelines that make namespaces as a matter of course: preview environments, GitOps.",),
    tags=("admission",),
)

NAMESPACE_DELETED = Detection(
    id="namespace-deleted",
    title="A namespace was deleted",
    severity=Severity.MEDIUM,
    condition=changed("namespaces", verbs=["delete", "deletecollection"]) & ITSELF,
    what="A namespace was deleted, with all that was in it.",
    why="Its workloads, Secrets, claims and their volumes go with it, without confirmation.",
    next_steps="Ask the principal at once. Not planned: stop them, and restore from the last backup; the query "
    "Workloads by principal shows what else they deleted.",
    techniques=("T1485",),
    false_positives=("Preview environments and tests that clean up after themselves. Exclude their principal.",),
    tags=("admission",),
)

POD_SECURITY_RELAXED = SavedQuery(
    id="pod-security-relaxed",
    title="Admission - namespaces that allow privileged pods",
    answers="Who labelled a namespace so that Pod Security admission lets privileged pods in?",
    condition=changed("namespaces", verbs=["create", "update", "patch"]) & ITSELF,
    commands=(
        'filter @message like /"pod-security.kubernetes.io\\/enforce":"privileged"/',
        *listing("responseObject.metadata.name as namespace"),
    ),
)
WEBHOOKS_THAT_CATCH_ALL = SavedQuery(
    id="webhooks-that-catch-all",
    title="Admission - webhooks that catch everything",
    answers="Which webhooks were registered for all resources, or for Secrets? They are sent whatever is written.",
    condition=outside(_WEBHOOKS, _EKS) & field("verb").is_in(["create", "update", "patch"]),
    commands=(
        'filter @message like /"resources":\\[[^\\]]*"(\\*|\\*\\/\\*|secrets)"/',
        *listing(
            "objectRef.resource",
            "responseObject.webhooks.0.clientConfig.url as url",
            "responseObject.webhooks.0.clientConfig.service.name as service",
            "responseObject.webhooks.0.failurePolicy as failure_policy",
        ),
    ),
)

DEFAULT = ()
EXTENDED = (
    ADMISSION_POLICY_CHANGED,
    ADMISSION_WEBHOOK_CHANGED,
    API_SERVICE_CHANGED,
    CUSTOM_RESOURCE_DEFINITION_CHANGED,
    GUARDRAIL_REMOVED,
    NAMESPACE_DELETED,
)
QUERIED = (NAMESPACE_CREATED,)
QUERIES = (POD_SECURITY_RELAXED, WEBHOOKS_THAT_CATCH_ALL)
