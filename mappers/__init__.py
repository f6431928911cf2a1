"""FHIR JSON and XML to and from the ledger's records; nothing here does I/O."""
