# title: the same grouped subquery twice
# workload: tpch
SELECT a.l_suppkey, a.total
FROM (SELECT l_suppkey, SUM(l_extendedprice) AS total FROM lineitem WHERE l_quantity > 5 GROUP BY l_suppkey) AS a
WHERE a.total = (SELECT MAX(b.total)
  FROM (SELECT l_suppkey, SUM(l_extendedprice) AS total FROM lineitem WHERE l_quantity > 5 GROUP BY l_suppkey) AS b);
