# title: a filtered parent that is only joined
# workload: tpch
# engines: sqlite
SELECT SUM(l.l_extendedprice) AS revenue FROM lineitem AS l, part AS p
WHERE l.l_partkey = p.p_partkey AND p.p_name LIKE 'green%';
