# title: parts ordered often by the same customer
# workload: tpch
SELECT d.p_partkey, d.n
FROM (SELECT p.p_partkey, p.p_name, o.o_custkey, COUNT(*) AS n
      FROM lineitem AS l JOIN orders AS o ON l.l_orderkey = o.o_orderkey JOIN part AS p ON l.l_partkey = p.p_partkey
      GROUP BY p.p_partkey, p.p_name, o.o_custkey) AS d
WHERE d.n > 2;
