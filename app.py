#!/usr/bin/env python3
"""cdk deploy -c cluster=prod -c alarm_email=security@example.com"""

from __future__ import annotations

from eks_audit_constructs.cdk.app import main

main()
