# title: an expensive common table read twice
# workload: tpch
WITH revenue AS (SELECT l_suppkey, SUM(l_extendedprice) AS total FROM lineitem GROUP BY l_suppkey)
SELECT r.l_suppkey FROM revenue AS r WHERE r.total > (SELECT AVG(total) * 1.2 FROM revenue);
