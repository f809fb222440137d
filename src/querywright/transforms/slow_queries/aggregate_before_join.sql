# title: averages rolled up over the columns of a dimension
# workload: tpch
# engines: duckdb
SELECT p.p_mfgr, p.p_brand, p.p_type, AVG(l.l_quantity) AS quantity
FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
GROUP BY ROLLUP (p.p_mfgr, p.p_brand, p.p_type);

# title: totals by long columns of two dimensions
# workload: tpch
SELECT c.c_name, c.c_address, c.c_phone, n.n_name, SUM(o.o_totalprice) AS total
FROM orders AS o JOIN customer AS c ON c.c_custkey = o.o_custkey JOIN nation AS n ON n.n_nationkey = c.c_nationkey
GROUP BY c.c_name, c.c_address, c.c_phone, n.n_name;

# title: totals by the name of a small dimension
# workload: tpch
SELECT s.s_name, SUM(l.l_quantity) AS quantity
FROM lineitem AS l JOIN supplier AS s ON s.s_suppkey = l.l_suppkey
GROUP BY s.s_name;

# title: totals of a large dimension
# workload: tpch
SELECT p.p_brand, SUM(l.l_quantity) AS quantity
FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
GROUP BY p.p_brand;
