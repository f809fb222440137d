# title: a grouped derived table joined to a few keys
# workload: tpch
SELECT p.p_partkey, g.average
FROM part AS p JOIN (SELECT l_partkey, AVG(l_quantity) AS average FROM lineitem GROUP BY l_partkey) AS g ON g.l_partkey = p.p_partkey
WHERE p.p_brand = 'Brand#23' AND p.p_container = 'MED BOX';
