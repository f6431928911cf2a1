"""One file per operation: what it is (`OPERATION`) and how a request for it is read and answered."""
