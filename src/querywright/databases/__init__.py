"""What ``--db`` names: opened as a `Database`, sampled with joins kept, its keys checked on the data."""
