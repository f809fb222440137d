# title: arithmetic on a filtered column
# workload: tpch
SELECT SUM(l_extendedprice) AS revenue FROM lineitem WHERE l_orderkey + 1 < 2000;

# title: the year of a filtered date
# workload: tpch
# engines: duckdb
SELECT SUM(l_extendedprice) AS revenue FROM lineitem WHERE EXTRACT(YEAR FROM l_shipdate) = 1994;
