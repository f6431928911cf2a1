"""FHIR R4 (4.0.1) itself: JSON in and out without loss, and validation by the official definitions."""
