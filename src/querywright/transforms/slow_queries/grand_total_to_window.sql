# title: groups above a share of the grand total
# workload: tpch
SELECT l_suppkey, SUM(l_extendedprice) AS revenue FROM lineitem
GROUP BY l_suppkey HAVING SUM(l_extendedprice) > (SELECT SUM(l_extendedprice) * 0.00012 FROM lineitem);
