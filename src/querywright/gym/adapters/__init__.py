"""The environment as training frameworks take it; none of them is needed to import this package."""
