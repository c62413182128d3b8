"""Judgement and memory: contract, intake, store, rules, review and service."""
