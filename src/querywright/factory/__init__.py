"""The factory: slow queries with verified faster ones, by the ten thousand, with their questions, labels and rewards.

What an example may cost, in milliseconds of one core, for four a second on two cores:

    45   drafting: a typed query, one habit that makes it slow, others beside it
    30   finding the size of data at which it is slow, by single runs
   150   two drafts that come to nothing, for each that becomes an example
    45   proposing: analysis, rules, a first run of each proposal
   110   witness databases for the original: made, loaded, answered
   120   judging: the solution on witnesses and on the data, interleaved runs of both sides

That is why queries take at most `workshop.SLOWEST_S`, sessions and scratch processes are shared by all of an engine, first runs
reject before anything is judged, and quotas are asked before and after.
"""
