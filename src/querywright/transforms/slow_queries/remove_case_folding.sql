# title: the comments that hold two words, in any case
# workload: tpch
# engines: sqlite
SELECT COUNT(*) AS n FROM orders WHERE lower(o_comment) LIKE '%special%requests%';
