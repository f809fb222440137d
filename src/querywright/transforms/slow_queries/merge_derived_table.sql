# title: a derived table that only filters
# workload: tpch
SELECT d.l_suppkey, SUM(d.price) AS revenue
FROM (SELECT l_suppkey, l_orderkey, l_extendedprice * (1 - l_discount) AS price FROM lineitem WHERE l_quantity > 10) AS d
JOIN orders AS o ON o.o_orderkey = d.l_orderkey WHERE o.o_orderstatus = 'F'
GROUP BY d.l_suppkey;
