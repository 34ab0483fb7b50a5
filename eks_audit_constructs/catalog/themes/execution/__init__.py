"""Into containers and past them: exec, attach, port-forward, proxies, debug containers, logs."""

from __future__ import annotations

from eks_audit_constructs.catalog.themes.execution import commands, sessions

DEFAULT = (sessions.KUBE_SYSTEM_EXEC,)
EXTENDED = (
    sessions.EPHEMERAL_CONTAINER_ADDED,
    commands.EXEC_DOWNLOAD,
    commands.EXEC_FILE_COPY,
    commands.EXEC_INSTANCE_METADATA,
    sessions.EXEC_REFUSED,
    commands.EXEC_REVERSE_SHELL,
    commands.EXEC_SENSITIVE_FILE,
    commands.EXEC_TOKEN_READ,
    sessions.NODE_PROXY,
    sessions.POD_ATTACH,
    sessions.POD_EXEC,
    sessions.PORT_FORWARD,
)
QUERIED = (commands.EXEC_PACKAGE_INSTALL, sessions.POD_LOGS_READ, sessions.POD_OR_SERVICE_PROXY)
QUERIES = (
    sessions.EXECS_BY_POD,
    sessions.EXECS_BY_PRINCIPAL,
    commands.EXEC_COMMANDS,
    sessions.EXEC_SESSION_LENGTH,
    sessions.PROXIES_BY_PRINCIPAL,
)
