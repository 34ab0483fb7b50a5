"""Commands run in containers, as far as the log has them: the command with which an exec began.

It is encoded in the request's URI: `kubectl exec web-0 -- cat /etc/shadow` requests
`…/exec?command=cat&command=%2Fetc%2Fshadow&…`. kubectl writes a space within an argument as +, others as %20; a request
written by hand may have a plain slash. What is typed into a shell afterwards is not logged anywhere.
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.events import SESSION_OPENED
from eks_audit_constructs.catalog.query import SavedQuery, listing
from eks_audit_constructs.conditions.expression import Expression, field

EXEC = (field("objectRef.resource") == "pods") & (field("objectRef.subresource") == "exec")
_URI = field("requestURI")

_DECODED = (
    "parse requestURI /[?](?<query>.*)/",
    "fields replace(replace(replace(query, 'command=', ''), '%2F', '/'), '%20', ' ') as command",
)
"""The query string, decoded: the command comes first if kubectl wrote it, and + is a space."""

_BLIND_SPOTS = (
    "What is typed into an interactive shell, or read from standard input: only `sh` is logged.",
    "Disguised commands: encoded letters (%63url), base64, a script that was copied in before.",
)


def _runs(*words: str) -> Expression:
    """Match execs whose command contains one of these words."""
    return _URI.is_in(f"*command=*{word}*" for word in words)


def _exec(
    id: str,
    title: str,
    condition: Expression,
    *,
    severity: Severity = Severity.MEDIUM,
    what: str,
    why: str,
    next_steps: str,
    techniques: tuple[str, ...],
    false_positives: tuple[str, ...],
    blind_spots: tuple[str, ...] = (),
) -> Detection:
    return Detection(
        id=id,
        title=title,
        severity=severity,
        condition=SESSION_OPENED & EXEC & condition,
        what=what,
        why=why,
        next_steps=next_steps,
        commands=(*_DECODED, *listing("command")),
        techniques=("T1609", *techniques),
        false_positives=false_positives,
        blind_spots=(*blind_spots, *_BLIND_SPOTS),
        tags=("execution", "commands"),
    )


EXEC_DOWNLOAD = _exec(
    "exec-download",
    "Something was downloaded into a container",
    _runs("curl*http", "wget*http")
    # Everybody's first test is a request to the pod's own server.
    & (_URI != "*%3A%2F%2Flocalhost*")
    & (_URI != "*%3A%2F%2F127.0.0.1*"),
    what="curl or wget was run in a container by exec, with an address other than its own.",
    why="This is how tools and miners are fetched, and how data is sent out.",
    next_steps="Look at the address. Unknown: replace the pod, keep its node and image for the analysis, block the "
    "address, revoke the principal's session.",
    techniques=("T1105",),
    false_positives=("Someone who tests whether a service is reachable from within the cluster.",),
    blind_spots=("A command that names localhost beside the address.",),
)

EXEC_FILE_COPY = _exec(
    "exec-file-copy",
    "Files were copied into or out of a container",
    _URI == "*command=tar&*",
    what="tar was run by exec: that is how kubectl cp moves files. `cf` copies out of the container, `xmf` into it.",
    why="Data leaves this way past every network policy, and tools come in that no image scan has seen.",
    next_steps="The command shows which way and what. Ask the principal; if files left a pod with personal data or "
    "keys, treat those as lost.",
    techniques=("T1105", "T1048"),
    false_positives=("Developers who fetch a dump or a log; CI runners and backup tools that move files this way.",),
    blind_spots=("`cat file > here`: any command can copy.",),
)

EXEC_INSTANCE_METADATA = _exec(
    "exec-instance-metadata",
    "Instance metadata was requested in a container",
    _runs("169.254.169.254", "fd00*ec2*254", "meta-data", "latest%2Fapi", "latest/api", "169.254.170.2", "2852039166"),
    severity=Severity.HIGH,
    what="A command run by exec names the EC2 metadata service, or the address that hands out a pod's AWS credentials.",
    why="It gives out the node's role: AWS rights far beyond the pod's, and the node's place in the cluster.",
    next_steps="Ask the principal at once. Not them: treat the credentials of the node's role, or the pod's, as stolen "
    "(revoke sessions in IAM, CloudTrail by their access keys) and enforce IMDSv2 with a hop limit of 1.",
    techniques=("T1552.005",),
    false_positives=("Someone who debugs which role a pod gets.",),
    blind_spots=("The same request by the program in the container, without exec.",),
)

EXEC_PACKAGE_INSTALL = _exec(
    "exec-package-install",
    "Packages were installed in a container",
    _runs("apt*install", "apk*add", "yum*install", "dnf*install", "pip*install", "npm*install"),
    severity=Severity.LOW,
    what="A package manager was run by exec to install something into a running container.",
    why="A container that differs from its image cannot be trusted or rebuilt; intruders bring their tools this way.",
    next_steps="Ask what was missing. Replace the pod; put what is needed into the image, or use a debug container.",
    techniques=("T1105",),
    false_positives=("Debugging, and toolbox pods; CI that builds inside pods.",),
)

EXEC_REVERSE_SHELL = _exec(
    "exec-reverse-shell",
    "A command that opens a reverse shell was run",
    _runs(
        *("dev%2Ftcp", "dev/tcp", "dev%2Fudp", "mkfifo", "socat", "ncat&", "ncat+", "nc+-e", "nc%20-e"),
        *("bash+-i", "bash%20-i", "%2Fsh+-i", "%2Fsh%20-i", "socket.socket", "pty.spawn", "fsockopen"),
    )
    | (_URI == "*command=nc&*command=-e*"),
    severity=Severity.HIGH,
    what="A command run by exec has typical parts of reverse shells: /dev/tcp, nc -e, mkfifo, socat, a shell with -i.",
    why="It gives someone outside a shell in the pod that outlives the exec and is logged nowhere.",
    next_steps="Cut the pod off (a network policy that denies all) and keep it for the analysis, revoke the "
    "principal's session, rotate what the pod could read.",
    techniques=("T1059.004",),
    false_positives=(
        "socat to a local socket, as haproxy's; rsync -e within a script; tests of a port with /dev/tcp.",
    ),
)

EXEC_SENSITIVE_FILE = _exec(
    "exec-sensitive-file",
    "A command named a file with credentials",
    # The * matches the slash, however it was written.
    _runs(
        *("etc*shadow", "id_rsa", "id_ed25519", ".ssh", ".aws*credentials", ".kube*config", ".docker*config.json"),
        *("proc%2F*environ", "proc/*environ", "kubelet*kubeconfig", ".git-credentials", ".pgpass"),
    ),
    severity=Severity.HIGH,
    what="A command run by exec names a file that holds credentials: shadow, SSH keys, AWS or kube configuration, the "
    "environment of a process.",
    why="This is what intruders look for once they are in a container.",
    next_steps="Ask the principal. Not them: renew what the file held, revoke the session, and see what else was run.",
    techniques=("T1552.001",),
    false_positives=("People who debug a configuration; backup hooks.",),
    blind_spots=("`env` and `printenv`, which everybody runs: see exec-commands.",),
)

EXEC_TOKEN_READ = _exec(
    "exec-token-read",
    "A service account's token was read by exec",
    _runs("serviceaccount", "eks-pod-identity-token", "secrets%2Fkubernetes.io", "secrets/kubernetes.io"),
    severity=Severity.HIGH,
    what="A command run by exec names the directory where a pod's tokens are mounted, those for AWS included.",
    why="Whoever has the token acts as the pod from anywhere until it expires: an hour for Kubernetes, a day for IAM.",
    next_steps="Ask the principal. Not them: delete the pod, which ends its Kubernetes token, revoke its role's "
    "sessions in IAM, and look for the service account's requests from other addresses.",
    techniques=("T1528",),
    false_positives=("People who debug permissions with the pod's own token; kubectl run in a toolbox pod.",),
    blind_spots=("Tokens mounted elsewhere.",),
)

EXEC_COMMANDS = SavedQuery(
    id="exec-commands",
    title="Execution - which commands were run",
    answers="Which commands were run by exec, how often, by whom and where? The rare ones come first. "
    "A + in them is a space; of an interactive shell only its name is known.",
    condition=SESSION_OPENED & EXEC,
    commands=(
        *_DECODED,
        "stats count(*) as times, latest(user.username) as who, latest(objectRef.name) as pod, "
        "earliest(@timestamp) as first, latest(@timestamp) as last by command, objectRef.namespace",
        "sort times asc",
        "limit 1000",
    ),
)
