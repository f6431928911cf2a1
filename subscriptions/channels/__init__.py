"""How subscribers are told: one file per channel."""
