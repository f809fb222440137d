"""Run directories, written as things complete, and the catalogue over them. The directories are the only state."""
