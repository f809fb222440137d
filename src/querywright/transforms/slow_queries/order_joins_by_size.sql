# title: a selective table in the middle of a comma join
# workload: tpch
# engines: sqlite
SELECT SUM(l.l_extendedprice) AS revenue FROM lineitem AS l, orders AS o, supplier AS s
WHERE l.l_orderkey = o.o_orderkey AND l.l_suppkey = s.s_suppkey AND s.s_name LIKE '%00000001%';
