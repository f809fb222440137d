# title: customers without an order
# workload: tpch
SELECT COUNT(*) AS customers FROM customer AS c
LEFT JOIN orders AS o ON o.o_custkey = c.c_custkey AND o.o_totalprice > 100000 WHERE o.o_orderkey IS NULL;
