# title: two filtered dimensions of a large table
# workload: tpch
SELECT s.s_name, SUM(l.l_extendedprice) AS revenue
FROM lineitem AS l, orders AS o, supplier AS s, part AS p
WHERE l.l_orderkey = o.o_orderkey AND l.l_suppkey = s.s_suppkey AND l.l_partkey = p.p_partkey
  AND p.p_brand = 'Brand#23' AND s.s_nationkey = 3
GROUP BY s.s_name;
