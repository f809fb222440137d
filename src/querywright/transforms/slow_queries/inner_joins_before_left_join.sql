# title: a selective inner join after a wide outer join
# workload: tpch
SELECT o.o_orderkey, SUM(l.l_quantity) AS quantity
FROM orders AS o LEFT JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey JOIN customer AS c ON c.c_custkey = o.o_custkey
WHERE c.c_mktsegment = 'BUILDING' AND c.c_nationkey = 3
GROUP BY o.o_orderkey;
