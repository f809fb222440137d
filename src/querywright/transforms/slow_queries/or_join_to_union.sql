# title: a join on either of two keys
# workload: tpch
SELECT COUNT(*) AS pairs FROM supplier AS s JOIN customer AS c ON c.c_custkey = s.s_suppkey OR c.c_phone = s.s_phone;

# title: an OR across two joined tables
# workload: tpch
SELECT SUM(l.l_extendedprice) AS revenue FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
WHERE p.p_brand = 'Brand#23' OR l.l_quantity = 50;
