# title: an outer join whose NULLs are filtered away
# workload: tpch
SELECT COUNT(*) AS lines FROM orders AS o LEFT JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey
WHERE l.l_quantity > 45;
