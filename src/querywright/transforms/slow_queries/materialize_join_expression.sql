# title: customers and suppliers of one number
# workload: tpch
# engines: sqlite
SELECT c.c_custkey, s.s_suppkey
FROM customer AS c JOIN supplier AS s ON substr(c.c_name, 10) = substr(s.s_name, 10)
WHERE c.c_nationkey = 7;
