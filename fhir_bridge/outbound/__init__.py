"""Home data for houses without FHIR: HL7 v2.5 messages in a tree of files like the one SS-MIX2 prescribes."""
