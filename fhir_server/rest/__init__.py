"""The internal REST API under /api/v1/billing: thin, over the same commands as FHIR. One file per noun."""
