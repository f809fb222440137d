"""How much faster: interleaved runs, a ratio with an honest bound, and the rule that decides what is recommended."""
