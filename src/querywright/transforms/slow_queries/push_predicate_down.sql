# title: one group of a grouped derived table
# workload: tpch
SELECT d.l_suppkey, d.quantity
FROM (SELECT l_suppkey, SUM(l_quantity) AS quantity, COUNT(DISTINCT l_partkey) AS parts FROM lineitem GROUP BY l_suppkey) AS d
WHERE d.l_suppkey = 7;

# title: one partition of a windowed derived table
# workload: tpch
SELECT d.l_orderkey, d.position
FROM (SELECT l_orderkey, l_suppkey, l_linenumber, RANK() OVER (PARTITION BY l_suppkey ORDER BY l_extendedprice, l_orderkey) AS position
  FROM lineitem) AS d
WHERE d.l_suppkey = 7;
