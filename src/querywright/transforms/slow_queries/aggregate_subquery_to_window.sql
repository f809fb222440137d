# title: orders above their customer's average
# workload: tpch
SELECT COUNT(*) AS large_orders
FROM orders AS o
WHERE o.o_totalprice > (SELECT AVG(p.o_totalprice) FROM orders AS p WHERE p.o_custkey = o.o_custkey);
