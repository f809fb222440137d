# title: urgent orders, or with a large item
# workload: tpch
SELECT DISTINCT o.o_orderkey, o.o_orderdate
FROM orders AS o LEFT JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey
WHERE o.o_orderpriority = '1-URGENT' OR l.l_quantity = 50;
