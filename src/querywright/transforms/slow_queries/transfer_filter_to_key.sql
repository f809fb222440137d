# title: a filter on a parent of which columns are used
# workload: tpch
# engines: sqlite
SELECT p.p_name, SUM(l.l_extendedprice) AS revenue FROM lineitem AS l, part AS p
WHERE l.l_partkey = p.p_partkey AND p.p_name LIKE 'green%' GROUP BY p.p_name;
