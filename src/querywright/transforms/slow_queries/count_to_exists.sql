# title: customers with at least one large order
# workload: tpch
SELECT COUNT(*) AS customers
FROM customer AS c
WHERE (SELECT COUNT(*) FROM orders AS o WHERE o.o_custkey = c.c_custkey AND o.o_totalprice > 100000) > 0;
