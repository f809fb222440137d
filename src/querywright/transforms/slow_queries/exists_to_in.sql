# title: customers with an expensive order
# workload: tpch
SELECT COUNT(*) AS customers FROM customer AS c
WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.o_custkey = c.c_custkey AND o.o_totalprice > 300000);
