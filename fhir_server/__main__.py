"""`python -m fhir_server`: the command line, as `./run` calls it."""
