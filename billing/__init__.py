"""What the business does: one command per file. Commands get an open transaction and never begin or end one."""
