"""The environment's web application: ``uvicorn server.app:app --port 7860``, or ``python -m server.app``."""

import argparse

from querywright.gym.server.application import create_application
from querywright.gym.server.listening import open_ports, serve
from querywright.gym.server.service import open_service

app = create_application(open_service())


def main() -> None:
    """Serve on the given ports until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the environment.")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, action="append", help="repeat to listen on several; default: 7860")
    arguments = parser.parse_args()
    serve(app, open_ports(arguments.host, arguments.port or [7860]))


if __name__ == "__main__":
    main()
