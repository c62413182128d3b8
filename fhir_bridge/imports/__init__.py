"""Clinical documents of others: eCheckup and JP-CLINS FHIR, 特定健診 XML, SS-MIX2 and HL7 v2, read into facts."""
