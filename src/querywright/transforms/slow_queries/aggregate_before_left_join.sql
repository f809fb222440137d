# title: orders counted for each customer
# workload: tpch
SELECT c.c_custkey, COUNT(o.o_orderkey) AS orders
FROM customer AS c LEFT JOIN orders AS o ON o.o_custkey = c.c_custkey AND o.o_totalprice > 1000
GROUP BY c.c_custkey;
