"""Pods that can leave their sandbox: privileged, host namespaces, host paths, capabilities.

Only pods made directly count. The controllers that make pods from templates are guarded; whoever writes the template is
counted in workloads.py.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterable

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import ALLOWED, COMPLETE, EVENT, NOT_A_TRIAL, changed
from eks_audit_constructs.catalog.guards import WORKLOAD_CONTROLLERS
from eks_audit_constructs.catalog.pods import POD, WITH_HOST_PATH, columns, privileged
from eks_audit_constructs.catalog.query import listing
from eks_audit_constructs.conditions.expression import Expression, any_of, field

# Creating a subresource of a pod, such as its binding, is not answered with a pod, so it needs no exclusion.
_CREATED = changed("pods", verbs=["create"])


def _pod(
    id: str,
    title: str,
    condition: Expression,
    severity: Severity,
    *,
    what: str,
    why: str,
    among: Expression = _CREATED,
    commands: tuple[str, ...] = listing(*columns(POD, "responseObject.metadata.name as pod")),
    techniques: tuple[str, ...] = ("T1610", "T1611"),
    false_positives: tuple[str, ...] = (),
    blind_spots: tuple[str, ...] = (),
) -> Detection:
    """Return a detection of pods that someone made directly."""
    return Detection(
        id=id,
        title=title,
        severity=severity,
        condition=among & condition,
        guards=WORKLOAD_CONTROLLERS,
        what=what,
        why=why,
        next_steps="Ask the principal what it was for. Not planned: keep the pod's description and image, delete it, "
        "replace its node, and revoke the credentials of the node's role and of the pods that ran there.",
        commands=commands,
        techniques=techniques,
        false_positives=(
            *false_positives,
            "CI runners and workflow engines that make pods themselves: exclude their service accounts.",
            "ReplicationControllers, where they are still in use.",
        ),
        blind_spots=(*blind_spots, "Pods that controllers make: other detections count their templates."),
        tags=("pods", "escape"),
    )


def _some(conditions: Iterable[Expression]) -> Expression:
    # Each with EVENT: a query merges plain equalities of a field into a list, which does not work for [*].
    return any_of(EVENT & condition for condition in conditions)


_NODE_DEBUG = "kubectl debug of a node, by an administrator: its pod shares the host's namespaces and mounts its root."

DANGEROUS_CAPABILITIES = _pod(
    "dangerous-capabilities",
    "A pod was given capabilities of root",
    # Capabilities are written without CAP_, which the container runtime adds.
    _some(
        field(f"{POD}.containers[0].securityContext.capabilities.add[*]") == each
        for each in ("ALL", "NET_ADMIN", "SYS_*")
    ),
    Severity.MEDIUM,
    what="A pod was made directly whose first container adds all capabilities, NET_ADMIN, or one of the SYS_ family.",
    why="With SYS_ADMIN, SYS_PTRACE or SYS_MODULE a container takes over its node without being privileged.",
    commands=listing(
        "responseObject.metadata.name as pod",
        *(f"{POD}.containers.0.securityContext.capabilities.add.{each} as added{each}" for each in range(3)),
    ),
    false_positives=("Harmless capabilities of the family: SYS_NICE, SYS_TIME, SYS_RESOURCE.",),
    blind_spots=(
        "Init containers and all containers but the first: a selector has only one [*]. The query "
        "pods-with-capabilities finds them.",
        "BPF, DAC_READ_SEARCH, PERFMON and SYSLOG; names in lower case, which containerd takes as well.",
    ),
)
HOST_IPC = _pod(
    "host-ipc",
    "A pod shares the memory of its node",
    field(f"{POD}.hostIPC").is_true(),
    Severity.MEDIUM,
    what="A pod with hostIPC was made directly.",
    why="It reads and writes the shared memory of the node, and of all other pods that use it.",
    false_positives=(_NODE_DEBUG,),
)
HOST_NETWORK = _pod(
    "host-network",
    "A pod uses the network of its node",
    field(f"{POD}.hostNetwork").is_true(),
    Severity.MEDIUM,
    what="A pod with hostNetwork was made directly.",
    why="No network policy applies to it. It reaches the node's metadata service, and so its role, and what listens on "
    "the node's localhost.",
    techniques=("T1610", "T1611", "T1040"),
    false_positives=(_NODE_DEBUG,),
)

HOST_PATH_MOUNTED = _pod(
    "host-path-mounted",
    "A pod mounts a path of its node",
    field(f"{POD}.volumes[*].hostPath.path") == "*",
    Severity.LOW,
    what="A pod with a hostPath volume was made directly.",
    why="It reads, and mostly writes, files of its node: from there it is a short way to the node itself.",
    commands=(*WITH_HOST_PATH, *listing("hostPath", *columns(POD, "responseObject.metadata.name as pod"))),
    false_positives=(_NODE_DEBUG,),
)

_SENSITIVE = ("etc", "proc", "root", "run", "var/run", "var/lib/kubelet")
# A regular expression, since a pattern has room for only three globs on [*]. // and /. are the same as /.
_SENSITIVE_PATH = "|".join(
    [
        "^[/.]+$",
        "^/+var/*$",
        "^/+var/+lib/*$",
        *(f"^[/.]+{path.replace('/', '/+')}{end}" for path in _SENSITIVE for end in ("$", "/")),
    ]
)

HOST_PATH_SENSITIVE = _pod(
    "host-path-sensitive",
    "A pod mounts a sensitive path of its node",
    field(f"{POD}.volumes[*].hostPath.path").matches(_SENSITIVE_PATH),
    Severity.HIGH,
    what="A pod was made directly that mounts the root of its node, /etc, /proc, /root, /run, /var, /var/lib "
    "(or the kubelet's part of it), or /var/run.",
    why="They contain the sockets of the container runtime, the kubelet's credentials and other pods' tokens: whoever "
    "has them has the node.",
    commands=(*WITH_HOST_PATH, *listing("hostPath", *columns(POD, "responseObject.metadata.name as pod"))),
    false_positives=(_NODE_DEBUG,),
    blind_spots=("Paths with /./ in the middle, and paths that are links to these on the node.",),
)
HOST_PID = _pod(
    "host-pid",
    "A pod sees all processes of its node",
    field(f"{POD}.hostPID").is_true(),
    Severity.MEDIUM,
    what="A pod with hostPID was made directly.",
    why="It sees the environment and files of every process of the node; with the right capability it enters them.",
    false_positives=(_NODE_DEBUG,),
)
POD_SECURITY_REFUSED = Detection(
    id="pod-security-refused",
    title="Pod Security refused someone's pod",
    severity=Severity.MEDIUM,
    condition=EVENT
    & COMPLETE
    & (field("objectRef.resource") == "pods")
    & (field("responseStatus.code") == 403)
    & (field("responseStatus.message") == "*violates PodSecurity *"),
    guards=WORKLOAD_CONTROLLERS,
    what="Someone tried to make a pod, or to put a debug container into one, that its namespace does not allow.",
    why="This is what an attempt to break out looks like in a well-kept namespace. The next may go elsewhere.",
    next_steps="The message shows what was asked for; ask the principal why. Not known: revoke the session, and "
    "look at what else it tried, in other namespaces first.",
    commands=listing("responseStatus.message as refusal"),
    techniques=("T1610", "T1611"),
    false_positives=("A manifest that was never tried in this namespace before.",),
    blind_spots=(
        "Pods of templates: applying a template only gives a warning, and the controller is refused later.",
        "Refusals by other admission checks, such as webhooks: see the query pods-refused.",
    ),
    tags=("pods", "escape"),
)
PRIVILEGED_POD = _pod(
    "privileged-pod",
    "Someone started a privileged pod",
    ((field("verb") == "create") & privileged(POD, "containers", "initContainers"))
    | ((field("objectRef.subresource") == "ephemeralcontainers") & privileged(POD, "ephemeralContainers")),
    Severity.HIGH,
    among=ALLOWED & NOT_A_TRIAL & (field("objectRef.resource") == "pods"),
    what="A pod with a privileged container was made directly, or a privileged debug container was put into one.",
    why="A privileged container is root on its node: it reads the credentials of the node and of every pod there.",
    false_positives=("kubectl debug with the profile sysadmin, by an administrator.",),
    blind_spots=(
        "Equivalents of privileged: host paths, host namespaces, capabilities.",
        "Once a pod has a privileged debug container, each further one counts, even if harmless.",
    ),
)
RUN_AS_ROOT = _pod(
    "run-as-root",
    "A pod asks to run as root",
    _some(
        field(f"{POD}.{each}securityContext.runAsUser") == 0 for each in ("", "containers[*].", "initContainers[*].")
    ),
    Severity.LOW,
    what="A pod was made directly that asks for the user 0, for all of its containers or for one.",
    why="Root in a container is root on its node once it breaks out; whoever asks for it has a reason.",
    techniques=("T1610",),
    false_positives=("A pod that asks for root as a whole, while each of its containers names another user.",),
    blind_spots=("Images that run as root because nothing sets another user: by far the most.",),
)

_PROFILES = ("appArmorProfile", "seccompProfile")

UNCONFINED_POD = _pod(
    "unconfined-pod",
    "A pod switched seccomp or AppArmor off",
    any_of(field(f"{POD}.securityContext.{each}.type") == "Unconfined" for each in _PROFILES)
    | _some(field(f"{POD}.containers[*].securityContext.{each}.type") == "Unconfined" for each in _PROFILES),
    Severity.LOW,
    what="A pod was made directly that asks to run without the system-call filter or the AppArmor profile.",
    why="Both close well-known ways out of a container; whoever switches them off may be about to take one.",
    false_positives=("Debuggers and profilers, which need system calls that the filter closes.",),
    blind_spots=(
        "Init and debug containers; AppArmor by annotation, as before Kubernetes 1.30.",
        "Pods without any profile, which have no filter either unless the kubelet sets its default.",
    ),
)
