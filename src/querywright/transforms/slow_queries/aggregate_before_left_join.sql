# title: orders counted for each customer
# workload: tpch
SELECT c.c_custkey, COUNT(o.o_orderkey) AS orders
FROM customer AS c LEFT JOIN orders AS o ON o.o_custkey = c.c_custkey AND o.o_totalprice > 1000
GROUP BY c.c_custkey;

# title: parts and neighbors counted for each supplier
# workload: tpch
SELECT s.s_suppkey, COUNT(DISTINCT ps.ps_partkey) AS parts, COUNT(DISTINCT c.c_custkey) AS neighbors
FROM supplier AS s LEFT JOIN partsupp AS ps ON ps.ps_suppkey = s.s_suppkey LEFT JOIN customer AS c ON c.c_nationkey = s.s_nationkey
WHERE s.s_suppkey <= 100
GROUP BY s.s_suppkey;
