"""Made-up residents whose advice truly does little, differs between people and wears off: what a learner may win."""
