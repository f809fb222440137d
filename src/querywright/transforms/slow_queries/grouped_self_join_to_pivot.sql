# title: customers who spent more in the next year
# workload: tpch
WITH yearly AS (
  SELECT o_custkey, substr(CAST(o_orderdate AS VARCHAR), 1, 4) AS year, COUNT(*) AS orders, SUM(o_totalprice) AS total
  FROM orders GROUP BY o_custkey, substr(CAST(o_orderdate AS VARCHAR), 1, 4)
)
SELECT a.o_custkey, a.total AS spent, b.total AS spent_later, b.orders FROM yearly AS a JOIN yearly AS b ON b.o_custkey = a.o_custkey
WHERE a.year = '1994' AND b.year = '1995' AND b.total > a.total;
