"""Tasks: the published five, and those generated with certified headroom; one module a source of tasks."""
