"""A city platform's NGSIv2 broker as a stand-in: real HTTP, tokens, strict rules, faults, and a ledger of what came."""
