# title: lines far below the usual quantity of their part
# workload: tpch
SELECT SUM(l.l_extendedprice) AS lost
FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
WHERE p.p_brand = 'Brand#23' AND l.l_quantity <
  (SELECT 0.2 * AVG(i.l_quantity) FROM lineitem AS i WHERE i.l_partkey = p.p_partkey);

# title: a count and a sum for each row
# workload: tpch
SELECT c.c_custkey, (SELECT COUNT(*) FROM orders AS o WHERE o.o_custkey = c.c_custkey) AS orders,
  (SELECT SUM(o.o_totalprice) FROM orders AS o WHERE o.o_custkey = c.c_custkey) AS total
FROM customer AS c WHERE c.c_nationkey = 7;
