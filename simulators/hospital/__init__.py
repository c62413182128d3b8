"""A hospital network's FHIR R4 server as a stand-in: real HTTP, consent, tokens, faults, and a ledger of what came."""
