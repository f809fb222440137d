# title: a grouped common table read under two filters
# workload: tpch
WITH yearly AS (SELECT o_custkey, o_orderpriority, SUM(o_totalprice) AS total FROM orders GROUP BY o_custkey, o_orderpriority)
SELECT COUNT(*) AS customers FROM yearly AS a JOIN yearly AS b ON b.o_custkey = a.o_custkey
WHERE a.o_orderpriority = '1-URGENT' AND b.o_orderpriority = '5-LOW' AND a.total > b.total;
