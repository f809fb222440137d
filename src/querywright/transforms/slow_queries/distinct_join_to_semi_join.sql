# title: customers found through their orders
# workload: tpch
SELECT DISTINCT c.c_custkey, c.c_name
FROM customer AS c JOIN orders AS o ON o.o_custkey = c.c_custkey
WHERE o.o_totalprice > 50000;
