# title: a looked-up table that is never used
# workload: tpch
SELECT l.l_suppkey, SUM(l.l_quantity) AS quantity
FROM lineitem AS l LEFT JOIN orders AS o ON o.o_orderkey = l.l_orderkey
GROUP BY l.l_suppkey;
