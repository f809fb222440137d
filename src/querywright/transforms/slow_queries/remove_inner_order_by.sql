# title: a sorted derived table under an aggregate
# workload: tpch
SELECT d.l_suppkey, SUM(d.l_quantity) AS quantity
FROM (SELECT l_suppkey, l_quantity, l_comment FROM lineitem ORDER BY l_comment) AS d GROUP BY d.l_suppkey;
