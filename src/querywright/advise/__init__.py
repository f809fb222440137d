"""Indexes that would make a query faster: proposed from its text, built and measured on a copy of the database."""
