"""Database engines behind one protocol; each runs in a worker process (`querywright.engines.session`)."""
