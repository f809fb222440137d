"""Profiles of rewards: how an examined answer is scored; one module a profile."""
