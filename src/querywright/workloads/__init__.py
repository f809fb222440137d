"""Built-in databases with queries, generated once into the cache: one module a workload."""
