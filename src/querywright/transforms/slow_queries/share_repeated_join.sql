# title: pairs of expensive orders that share a part
# workload: tpch
SELECT a.o_orderkey AS one, b.o_orderkey AS other, COUNT(*) AS shared
FROM orders AS a
JOIN lineitem AS x ON x.l_orderkey = a.o_orderkey
JOIN lineitem AS y ON y.l_partkey = x.l_partkey AND y.l_orderkey <> x.l_orderkey
JOIN orders AS b ON b.o_orderkey = y.l_orderkey
WHERE a.o_totalprice > 350000 AND b.o_totalprice > 350000
GROUP BY a.o_orderkey, b.o_orderkey;
