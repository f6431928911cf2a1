"""Who may do what: tokens, scopes, the tenant of a request."""
