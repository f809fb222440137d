# title: orders served by more than one supplier
# workload: tpch
SELECT COUNT(*) AS orders FROM orders AS o
WHERE o.o_orderkey IN
  (SELECT a.l_orderkey FROM lineitem AS a, lineitem AS b WHERE a.l_orderkey = b.l_orderkey AND a.l_suppkey <> b.l_suppkey);
