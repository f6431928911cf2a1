"""FHIR Subscriptions over the outbox: matching changes, numbering events, and sending them until they are taken."""
