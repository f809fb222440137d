# title: a join condition repeated in each alternative
# workload: tpch
SELECT SUM(l.l_extendedprice) AS revenue FROM lineitem AS l, part AS p
WHERE (p.p_partkey = l.l_partkey AND p.p_brand = 'Brand#12' AND l.l_quantity < 11)
  OR (p.p_partkey = l.l_partkey AND p.p_brand = 'Brand#23' AND l.l_quantity BETWEEN 10 AND 20)
  OR (p.p_partkey = l.l_partkey AND p.p_brand = 'Brand#34' AND l.l_quantity > 30);
