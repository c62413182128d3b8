"""The attacks A1 to A10 a release must withstand: what somebody who looks for a person in the statistics would try."""
