# title: grouping by every column of a customer
# workload: tpch
SELECT c.c_custkey, c.c_name, c.c_address, c.c_phone, SUM(o.o_totalprice) AS total
FROM customer AS c JOIN orders AS o ON o.o_custkey = c.c_custkey
GROUP BY c.c_custkey, c.c_name, c.c_address, c.c_phone;
