# title: orders up to the end of each of a few days
# workload: tpch
SELECT d.day, (SELECT COUNT(*) FROM orders AS o WHERE o.o_orderdate <= d.day) AS orders,
  (SELECT SUM(o.o_totalprice) FROM orders AS o WHERE o.o_orderdate <= d.day) AS total
FROM (SELECT DISTINCT l_shipdate AS day FROM lineitem WHERE l_suppkey = 7) AS d;
