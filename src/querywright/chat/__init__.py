"""The one model client: any OpenAI-compatible endpoint, Anthropic, or a recording."""
