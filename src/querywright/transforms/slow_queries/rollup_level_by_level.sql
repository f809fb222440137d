# title: a rollup over three columns
# workload: tpch
# engines: duckdb
SELECT l_returnflag, l_shipmode, l_suppkey, SUM(l_extendedprice) AS revenue FROM lineitem
GROUP BY ROLLUP (l_returnflag, l_shipmode, l_suppkey);
