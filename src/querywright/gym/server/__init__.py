"""Serves the gym over HTTP: the published environment's interface, and OpenEnv's where that is installed."""
