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

# title: partitions of a windowed join, by a column that their key determines
# workload: tpch
SELECT d.o_custkey, d.o_orderkey, d.position
FROM (SELECT o.o_custkey, o.o_orderkey, c.c_mktsegment, c.c_nationkey,
    ROW_NUMBER() OVER (PARTITION BY o.o_custkey ORDER BY o.o_totalprice DESC, o.o_orderkey) AS position
  FROM orders AS o JOIN customer AS c ON c.c_custkey = o.o_custkey) AS d
WHERE d.position <= 3 AND d.c_mktsegment = 'BUILDING' AND d.c_nationkey = 7;
