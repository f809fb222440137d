# title: a common table read once
# workload: tpch
WITH recent AS (SELECT l_orderkey, l_suppkey, l_extendedprice FROM lineitem WHERE l_shipdate > '1998-01-01')
SELECT r.l_suppkey, SUM(r.l_extendedprice) AS revenue
FROM recent AS r JOIN orders AS o ON o.o_orderkey = r.l_orderkey WHERE o.o_orderpriority = '1-URGENT'
GROUP BY r.l_suppkey;

# title: a common table read twice under different filters
# workload: tpch
WITH lines AS (SELECT l_suppkey, l_shipmode, l_extendedprice FROM lineitem)
SELECT (SELECT SUM(l_extendedprice) FROM lines WHERE l_shipmode = 'AIR') AS air,
  (SELECT SUM(l_extendedprice) FROM lines WHERE l_shipmode = 'SHIP') AS ship;
