# title: a page of the latest orders with looked-up names
# workload: tpch
SELECT o.o_orderkey, o.o_totalprice, c.c_name
FROM orders AS o LEFT JOIN customer AS c ON c.c_custkey = o.o_custkey
ORDER BY o.o_totalprice DESC, o.o_orderkey LIMIT 20;
