"""The auditor's page: the audit chain, its proof, and nothing of what it is about."""

from __future__ import annotations

from engine.web.door import Door

door = Door()
