"""Whatever talks: scripts here; `vilasr.policies.transformers` (torch) and `vilasr.policies.openai` import late."""

from __future__ import annotations

from vilasr.policies.base import Policy, Session
from vilasr.policies.scripted import OraclePolicy, ScriptedPolicy, prompt_key

__all__ = ["OraclePolicy", "Policy", "ScriptedPolicy", "Session", "prompt_key"]
