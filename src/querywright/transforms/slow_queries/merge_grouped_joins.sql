# title: open and filled orders of each clerk
# workload: tpch
SELECT c.o_clerk, p.orders AS open, f.orders AS filled, f.highest
FROM (SELECT DISTINCT o_clerk FROM orders) AS c
LEFT JOIN (SELECT o_clerk, COUNT(*) AS orders FROM orders WHERE o_orderstatus = 'O' GROUP BY o_clerk) AS p ON p.o_clerk = c.o_clerk
LEFT JOIN (SELECT o_clerk, COUNT(*) AS orders, MAX(o_totalprice) AS highest FROM orders WHERE o_orderstatus = 'F' GROUP BY o_clerk) AS f
  ON f.o_clerk = c.o_clerk;
