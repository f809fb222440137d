"""Plays every task that has a certified reference with that reference, and prints what it earns.

Runs where the package is installed, in one process with the environment; agents, who only have its interface, cannot run it.

    python validation/oracle.py [--family repaired]
"""

import argparse

from querywright.gym.episodes import Gym
from querywright.gym.examiner import Examiner
from querywright.gym.tasks.driver import tasks
from querywright.gym.wire import Answer


def main() -> None:
    """Print the score of each reference."""
    parser = argparse.ArgumentParser(description="Play references.")
    parser.add_argument("--family", default="repaired")
    family = parser.parse_args().family
    with Examiner() as examiner:
        gym = Gym(examiner)
        for task in tasks(family=family):
            if task.reference is not None:
                reward = gym.grade(task.id, Answer(optimized_query=task.reference.sql))
                print(f"{task.id} {reward.score:.4f}", flush=True)


if __name__ == "__main__":
    main()
