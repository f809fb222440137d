# title: several aggregates over the same rows
# workload: tpch
SELECT (SELECT MIN(l_extendedprice) FROM lineitem WHERE l_quantity > 20) AS low,
  (SELECT MAX(l_extendedprice) FROM lineitem WHERE l_quantity > 20) AS high,
  (SELECT SUM(l_extendedprice) FROM lineitem WHERE l_quantity > 20) AS total;

# title: one count for each range over the same join
# workload: tpch
SELECT
  (SELECT COUNT(*) FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
    WHERE p.p_size < 20 AND l.l_quantity BETWEEN 1 AND 10) AS a,
  (SELECT COUNT(*) FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
    WHERE p.p_size < 20 AND l.l_quantity BETWEEN 11 AND 20) AS b,
  (SELECT COUNT(*) FROM lineitem AS l JOIN part AS p ON p.p_partkey = l.l_partkey
    WHERE p.p_size < 20 AND l.l_quantity BETWEEN 21 AND 30) AS c;
