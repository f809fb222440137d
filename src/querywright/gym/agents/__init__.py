"""Agents that play the environment, one module each: rewriting rules, a language model, chance, and doing nothing."""
