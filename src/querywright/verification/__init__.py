"""Whether a candidate returns what the original returns: comparison, witness databases, mutants, grades."""
