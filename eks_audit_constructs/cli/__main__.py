from __future__ import annotations

from eks_audit_constructs.cli import main

main()
