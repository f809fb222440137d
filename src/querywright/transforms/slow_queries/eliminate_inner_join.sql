# title: a parent that is only joined
# workload: tpch
SELECT l.l_suppkey, SUM(l.l_quantity) AS quantity
FROM lineitem AS l JOIN orders AS o ON o.o_orderkey = l.l_orderkey
GROUP BY l.l_suppkey;
