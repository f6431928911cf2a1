"""What the server says it can do, derived from the mappers' declarations and from the table of routes.

https://hl7.org/fhir/R4/capabilitystatement.html
"""
