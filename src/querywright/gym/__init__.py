"""The environment: tasks with certified headroom, episodes, rewards that cannot be gamed, servers, agents."""
