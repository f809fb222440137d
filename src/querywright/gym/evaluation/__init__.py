"""Plays episodes with agents, keeps logs of them, and says what agents earn: tables, charts, ablations, replays."""
