# title: a grouped derived table joined to a few keys
# workload: tpch
SELECT p.p_partkey, g.average
FROM part AS p JOIN (SELECT l_partkey, AVG(l_quantity) AS average FROM lineitem GROUP BY l_partkey) AS g ON g.l_partkey = p.p_partkey
WHERE p.p_brand = 'Brand#23' AND p.p_container = 'MED BOX';

# title: what the hundred largest customers ordered
# workload: tpch
SELECT c.c_custkey, o.orders
FROM (SELECT c_custkey FROM customer ORDER BY c_acctbal DESC, c_custkey LIMIT 100) AS c
LEFT JOIN (SELECT o_custkey, COUNT(*) AS orders FROM orders GROUP BY o_custkey) AS o ON o.o_custkey = c.c_custkey;
