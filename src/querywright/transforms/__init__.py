"""Named rewrites, one a file. A module here is a transform; its docstring is its documentation everywhere."""
