# title: customers whose first order came late
# workload: tpch
SELECT d.o_custkey, d.o_orderkey
FROM (SELECT o_custkey, o_orderkey, o_orderdate, ROW_NUMBER() OVER (PARTITION BY o_custkey ORDER BY o_orderdate, o_orderkey) AS position
  FROM orders) AS d
WHERE d.position = 1 AND d.o_orderdate >= DATE '1998-06-01';
